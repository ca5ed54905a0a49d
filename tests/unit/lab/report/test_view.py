import dataclasses
from pathlib import Path

import pytest

from lab.report.view import RunView, run_view
from lab.store import Run, load_run

FOLDER = Path(__file__).parents[3] / "data" / "run-debian-installer"


@pytest.fixture
def run() -> Run:
    return load_run(FOLDER)


@pytest.fixture
def view(run: Run) -> RunView:
    return run_view(run)


def test_a_run_with_a_failed_boot_failed(view):
    assert not view.passed
    assert [b.number for b in view.failed] == [4]
    assert view.failed[0].cause == "transfer stalled"
    assert view.failed[0].waiting is not None


def test_a_run_passes_when_every_boot_that_was_asked_for_is_ready(run):
    ready = tuple(b for b in run.boots if b.ready)
    info = dataclasses.replace(run.info, boots_planned=4)
    assert run_view(dataclasses.replace(run, info=info, boots=ready)).passed
    assert not run_view(dataclasses.replace(run, boots=ready)).passed  # five were asked for
    assert not run_view(dataclasses.replace(run, boots=())).passed


def test_the_sentence_names_the_longest_stages_first(view):
    assert [(p.since, p.title) for p in view.parts] == [
        ("init", "installer is up"),
        ("DHCP ACK", "U-Boot starts the kernel"),
        ("first line of the kernel", "init"),
    ]
    assert view.wire.startswith("TFTP moved 69.7 MiB in ")


def test_the_headline_is_of_the_boots_that_became_ready(view):
    assert view.total.n == 4
    assert view.last == "installer is up"
    assert view.waterfall.median
    assert view.waterfall.number in (1, 2, 3, 5)


def test_stages_of_the_table_are_those_of_the_waterfall(view):
    assert [s.title for s in view.stages] == [s.title for s in view.waterfall.stages]
    assert {s.n for s in view.stages} == {"4"}
    assert {s.p95 for s in view.stages} == {"–"}


def test_transfers_over_the_boots(view):
    rows = {t.name: t for t in view.transfers}
    assert list(rows) == ["boot.scr.uimg", "linux", "initrd.gz"]
    assert (rows["linux"].size, rows["linux"].n, rows["linux"].outcomes) == ("31.4 MiB", "4", "complete")
    assert rows["linux"].options == "blksize 1468, timeout 5"


def test_how_it_was_measured_says_what_firmware_and_kernel_said(view):
    facts = dict(view.facts)
    assert facts["Firmware"] == "U-Boot 2023.01+dfsg-2+deb12u3 (Jun 22 2026 - 08:38:07 +0000)"
    assert facts["Kernel"] == "6.1.0-50-arm64"
    assert facts["Boots"] == "5 of 5 asked for; 4 became ready"
    assert "" not in facts.values()


def test_the_console_has_milestones_and_transfers_where_they_happened(view):
    rows = view.boots[0].console.rows
    marks = [(r.kind, r.text) for r in rows if r.kind != "line"]
    assert marks[:3] == [
        ("milestone", "first byte on the console"),
        ("milestone", "U-Boot banner"),
        ("milestone", "U-Boot waits for a key"),
    ]  # fmt: skip
    assert ("transfer", "TFTP initrd.gz") in marks
    times = [float(r.at.lstrip("<")) for r in rows]
    assert times == sorted(times)
    kernel = next(i for i, r in enumerate(rows) if r.text == "first line of the kernel")
    assert "Booting Linux" in rows[kernel + 1].text


def test_lines_have_the_colour_of_the_stage_they_fall_into(view):
    colours = {s.title: s.colour for s in view.stages}
    rows = view.boots[0].console.rows
    init = next(r for r in rows if "Freeing initrd memory" in r.text)
    assert init.colour == colours["init"]


def test_one_boot_and_no_boot_have_a_page_too(run):
    one = run_view(dataclasses.replace(run, boots=run.boots[:1]))
    assert one.total.n == 1
    assert all(s.whisker is None for s in one.waterfall.stages)
    none = run_view(dataclasses.replace(run, boots=()))
    assert none.waterfall is None
    assert none.stages == []


def test_where_all_boots_failed_what_was_reached_is_shown(run):
    view = run_view(dataclasses.replace(run, boots=(run.boots[3],)))
    assert view.waterfall is None
    assert view.stages[-1].title == "DHCP ACK"
    assert view.total.median is None
