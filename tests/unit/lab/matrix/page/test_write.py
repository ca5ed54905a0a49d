import json
from urllib.parse import unquote

import pytest

from lab.errors import InfrastructureError
from lab.matrix.changes import changes
from lab.matrix.night import earlier_nights, find_night, load_night
from lab.matrix.page import write_night
from lab.testing.htmlpage import Page
from lab.testing.madenights import Made, make

HOSTILE = "<img src=x onerror=hit()>\"'&{{ 7*7 }}\u202e\x1b[31m"


def page_of(results, name="latest"):
    night = load_night(find_night(results, name))
    earlier = list(earlier_nights(results, night))
    path, problems = write_night(night, earlier, changes(night, earlier, night.noticed))
    return path, Page(path.read_text(encoding="utf-8")), problems


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    make(folder, Made(nights=3, boots=12))
    return folder


@pytest.fixture(scope="module")
def written(results):
    return page_of(results)


def test_the_page_stands_alone_and_its_links_lead_somewhere(written):
    path, page, problems = written
    assert problems == ()
    inside = {a[1:] for a in page.addresses if a.startswith("#")}
    outside = [a for a in page.addresses if not a.startswith("#") and a != "data:,"]
    assert inside <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert outside
    for address in outside:
        assert (path.parent / unquote(address.partition("#")[0])).exists(), address
    assert "http-equiv" in page.attributes


def test_it_names_what_went_wrong_and_nothing_else(written):
    _, page, _ = written
    news = page.text[page.text.index("What changed") : page.text.index("Board by image")]
    told = [line.strip() for line in news.splitlines() if line.strip()]
    kinds = [
        line for line in told if line in ("sick", "failing", "flaky", "slower", "faster", "fixed", "back")
    ]
    assert kinds == ["sick", "failing", "failing", "flaky", "flaky", "slower"]
    assert "pc is sick: network: no DHCP message" in news
    assert "debian-installer on qemu1 (boot) is slower" in news


def test_failures_have_console_and_packets(written):
    _, page, _ = written
    failures = page.text[page.text.index("Failures by cause") :]
    assert "kernel panic: 6 boots in 1 cell" in failures
    assert "Kernel panic - not syncing: VFS: Unable to mount root fs" in failures
    assert "TFTP root.squashfs refused: there is no such file in the plan" in failures
    assert "test_watchdog[cold]" in failures


def test_rates_have_intervals_and_quarantine_its_beginning(written):
    _, page, _ = written
    assert "6 of 12 (21.1 to 78.9 %)" in page.text
    assert "6 of 36 (6.4 to 32.8 %) of all attempts" in page.text
    assert "in quarantine" in page.text
    assert "since 3 November 2026, 22:00 UTC, by its check" in page.text


def test_each_run_has_its_own_report(results, written):
    for cell in load_night(find_night(results, "latest")).cells.values():
        assert all((folder / "report.html").is_file() for folder in cell.folders)


def test_the_first_night_has_nothing_to_compare_with(results):
    name = load_night(sorted((results / "nights").iterdir())[0]).id
    _, page, _ = page_of(results, name)
    assert "The first night of its matrix" in page.text
    assert "of all attempts" not in page.text  # later nights are not its history


def test_a_night_that_is_cut_off_says_so(tmp_path):
    folder = make(tmp_path, Made(nights=1, boots=2))[0]
    journal = folder / "night.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:1]))
    _, page, _ = page_of(tmp_path)
    assert "is under way, or was cut off" in page.text
    assert "12 cells, 0 boots" in page.text


def test_what_boards_say_is_text(tmp_path):
    folder = make(
        tmp_path, Made(nights=1, boots=2, places={HOSTILE: "<b>"}, images=("</script><script>hit()",))
    )[0]
    lines = (folder / "night.jsonl").read_text().splitlines(keepends=True)
    lines.append(json.dumps({"what": "warning", "text": HOSTILE}) + "\n")
    (folder / "night.jsonl").write_text("".join(lines))
    path, page, _ = page_of(tmp_path)
    assert page.elements.count("script") == 1
    assert "img" not in page.elements
    assert "<img src=x onerror=hit()>\"'&{{ 7*7 }}\ufffd\ufffd[31m" in page.text
    assert "\x1b" not in path.read_text()


def test_what_cannot_be_read_is_said_and_the_page_is_written(tmp_path, monkeypatch):
    folder = make(tmp_path, Made(nights=2, boots=8))[-1]
    (tmp_path / "places.json").write_text("{")
    monkeypatch.setenv("BOOTLAB_INDEX", f"sqlite:///{tmp_path}/no/such/folder/index.sqlite")
    path, page, problems = page_of(tmp_path)
    assert path == folder / "report.html"
    assert "places.json" in problems[0]
    assert "index" in problems[1]
    assert "of all attempts" in page.text  # the history came from the files


def test_a_folder_in_place_of_the_page_is_an_error_of_the_lab(tmp_path):
    folder = make(tmp_path, Made(nights=1, boots=2))[0]
    (folder / "report.html").mkdir()
    with pytest.raises(InfrastructureError, match="Is a directory"):
        page_of(tmp_path)


@pytest.mark.parametrize(
    "events",
    ['{"kind": "dhcp-sent"}\n', '{"kind": "transfer-ended", "t_ns": "x"}\n', "[]\n", "{", '"\\ud800"\n'],
)
def test_damaged_events_cost_only_themselves(tmp_path, events):
    make(tmp_path, Made(nights=1, boots=8))
    for path in tmp_path.glob("*/*/events-*.jsonl"):
        path.write_text(events)
    _, page, _ = page_of(tmp_path)
    assert "The last lines of its console" in page.text
    assert "The last of its packets" not in page.text


def test_hundreds_of_failed_tests_are_cut_and_counted(tmp_path):
    folder = make(tmp_path, Made(nights=1, boots=2))[0]
    failed = {f"test_{number}": "it failed" for number in range(300)}
    line = {"what": "tests", "cell": ["pi-4", "refos", "smoke"], "seconds": 1.0, "status": 1, "passed": 0}
    with (folder / "night.jsonl").open("a") as journal:
        journal.write(json.dumps({**line, "failed": failed, "junit": ""}) + "\n")
    _, page, _ = page_of(tmp_path)
    assert "and 280 more: see its log" in page.text
    assert "more tests failed: see the cells" in page.text
