import json

import pytest
from click.testing import CliRunner

from lab.cli.explain import explain
from lab.cli.main import cli, exit_code
from lab.cli.timeline import timeline
from lab.errors import UsageError
from lab.testing.explain.dhcp_cases import fine
from lab.testing.explain.scene import CASES, DISCOVER, MAC, UEFI, Scene
from pxe.errors import CaptureError


@pytest.fixture
def failed(tmp_path):
    made = Scene()
    CASES["offer-no-type"](made, True)
    path = tmp_path / "failed.pcap"
    path.write_bytes(made.pcap())
    return path


@pytest.fixture
def good(tmp_path):
    made = Scene()
    fine(made)
    path = tmp_path / "good.pcap"
    path.write_bytes(made.pcap())
    return path


def run(command, *words):
    return CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)


def test_the_sentence_the_cure_and_the_frames(failed):
    result = run(explain, failed)
    assert result.return_value == 1
    assert "The UEFI firmware ignored the answer of 10.0.0.1: it has no option 53" in result.output
    assert "cure: Make 10.0.0.1 send option 53" in result.output
    assert "frame 6: message without option 53" in result.output
    assert "rule: offer-no-type" in result.output


def test_a_boot_that_is_fine(good):
    result = run(explain, good)
    assert result.return_value == 0
    assert f"{MAC}  got 10.0.0.100 from 10.0.0.1; fetched boot.efi (700 bytes)" in result.output
    assert "nothing to explain" in result.output


def test_a_capture_that_ends_too_early_is_not_called_fine(tmp_path):
    made = Scene()
    made.ask(DISCOVER, UEFI)
    made.reply(2)
    path = tmp_path / "short.pcap"
    path.write_bytes(made.pcap())
    result = run(explain, path)
    assert result.return_value == 0
    assert "may end while it was still asking" in result.output


def test_json(failed):
    told = json.loads(run(explain, failed, "--json").output)
    assert told["schema"] == 1
    assert told["frames"] == 7
    (machine,) = told["machines"]
    assert machine["mac"] == MAC
    assert machine["findings"][0]["rule"] == "offer-no-type"
    assert machine["findings"][0]["severity"] == "fatal"


def test_one_machine_also_where_nothing_of_it_was_seen(good):
    assert run(explain, good, "--mac", MAC.upper().replace(":", "-")).return_value == 0
    other = run(explain, good, "--mac", "52:54:00:00:00:77")
    assert other.return_value == 1
    assert "52:54:00:00:00:77 sent nothing that belongs to a network boot" in other.output
    assert isinstance(run(explain, good, "--mac", "nonsense").exception, UsageError)


def test_what_is_no_capture_is_a_mistake_of_the_user(tmp_path):
    (tmp_path / "it").write_bytes(b"no capture at all")
    error = run(explain, tmp_path / "it").exception
    assert isinstance(error, CaptureError)
    assert exit_code(error) == 2
    assert "explain" in run(cli, "--help").output


def test_the_waterfall(good):
    result = run(timeline, good)
    assert "dhcp DISCOVER OFFER" in result.output
    assert "tftp boot.efi" in result.output
    assert "█" in result.output


def test_the_waterfall_names_what_went_wrong(failed):
    assert "it has no option 53" in run(timeline, failed).output


def test_the_waterfall_as_json_and_as_a_page(good, tmp_path):
    told = json.loads(run(timeline, good, "--json").output)
    assert [step["kind"] for step in told["machines"][MAC]] == ["dhcp", "tftp"]
    page = tmp_path / "page.html"
    assert str(page) in run(timeline, good, "--html", page).output
    assert "boot.efi" in page.read_text()
    error = run(timeline, good, "--html", tmp_path / "no" / "page.html").exception
    assert isinstance(error, UsageError)


def test_a_capture_without_frames_and_one_that_was_cut(good, tmp_path):
    (tmp_path / "none.pcap").write_bytes(good.read_bytes()[:24])
    (tmp_path / "cut.pcap").write_bytes(good.read_bytes()[:-5])
    for command in (explain, timeline):
        assert "0 frames: nothing was recorded" in run(command, tmp_path / "none.pcap").output
        assert "note: the file was cut" in run(command, tmp_path / "cut.pcap").output
