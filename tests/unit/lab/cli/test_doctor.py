"""`bootlab doctor` where no network is looked at."""

import json

import pytest

from lab.cli.main import main

SITE = """\
service:
  interface: nosuch0
  address: 10.99.0.1/24
  dhcp: {pool: {start: 10.99.0.100, end: 10.99.0.199}}
  api: {socket: api.sock}
plans:
  good: {tree: tree}
  odd: {kernel: {path: odd}}
places:
  board1:
    board: qemu-virt-arm64
    mac: "52:54:00:00:00:01"
    power: {qemu: {}}
    console: {serial: {url: /dev/ttyUSB77}}
    plan: good
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tree").mkdir()
    (tmp_path / "odd").write_text("no kernel")
    (tmp_path / "lab.yaml").write_text(SITE)
    return tmp_path / "lab.yaml"


def run(*words):
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *words])
    return ended.value.code


def test_the_findings_as_json_and_who_must_act(site, capsys):
    assert run("--json", "--check", "interface", "--check", "plans", "--check", "place", "board1") == 2
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == 2
    told = {(f["check"], f["verdict"]): f for f in found["findings"]}
    assert "there is no interface nosuch0" in told["interface", "fault"]["sentence"]
    assert told["interface", "fault"]["in_file"]
    assert "is no kernel that we know" in told["plans", "warning"]["sentence"]
    assert "/dev/ttyUSB77 is not there" in told["place", "fault"]["sentence"]


def test_a_sheet_for_people_with_cures_and_a_diagnosis(site, capsys):
    assert run("--check", "place", "board1") == 4
    out = capsys.readouterr().out
    assert "bootlab doctor" in out
    assert "→ plug the adapter in" in out
    assert "Equipment of the lab must be mended" in out


def test_every_fault_of_the_site_file_is_a_finding_and_the_host_is_looked_at_all_the_same(site, capsys):
    site.write_text(SITE.replace("10.99.0.199", "10.98.0.199").replace("tree: tree", "tree: 7"))
    assert run("--json", "--check", "packages") == 2
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [f["check"] for f in found] == [*["site file"] * (len(found) - 1), "packages"]
    assert len(found) >= 3
    assert all("lab.yaml:" in f["sentence"] for f in found[:-1])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "no place 'nowhere'; it has board1"),
        (["--interface", "eth7"], "has no DHCP on eth7; it has it on nosuch0"),
    ],
)
def test_what_is_not_in_the_site_file_is_a_usage_error(site, capsys, words, sentence):
    assert run(*words) == 2
    assert sentence in capsys.readouterr().err
