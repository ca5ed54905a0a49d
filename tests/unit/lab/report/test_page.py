import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline, TransferSpan
from lab.report import write_report
from lab.store import RunInfo, RunWriter
from lab.testing.htmlpage import Page

FOLDER = Path(__file__).parents[3] / "data" / "run-debian-installer"
HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    "\"'><a href=javascript:alert(3)>&amp;{{ 7*7 }}"
)
EVIDENCE = (HOSTILE, "\x1b[31m", "half \ud800 of a pair", "re\u202eversed")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "run"))


def page(run_dir: Path) -> Page:
    return Page(write_report(run_dir).read_text(encoding="utf-8"))


def test_the_page_stands_alone(run_dir):
    found = page(run_dir)
    inside = [a for a in found.addresses if a.startswith("#")]
    beside = {"boots.jsonl", "measurements.jsonl", "trace.json", "console/", "data:,"}
    assert set(found.addresses) - set(inside) == beside
    assert {a[1:] for a in inside} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    assert "http-equiv" in found.attributes
    assert {p.name for p in run_dir.iterdir()} >= {"report.html", "trace.json", "measurements.jsonl"}


def test_failures_come_first_with_cause_sentence_and_evidence(run_dir):
    text = page(run_dir).text
    assert text.index("Boot 4: transfer stalled") < text.index("Where the time went")
    assert "The board stopped acknowledging initrd.gz" in text
    assert "no ACK of block 12858" in text
    assert "Failed:" in text


def test_a_page_can_be_written_again(run_dir):
    assert write_report(run_dir).read_bytes() == write_report(run_dir).read_bytes()


def hostile_run(results: Path) -> Path:
    info = RunInfo(
        run_id="20261122T043619Z-3f9a1c", started_at=HOSTILE, place=HOSTILE, board_type=HOSTILE,
        image=HOSTILE,
        method=HOSTILE, boots_planned=1, emulated=True, command=HOSTILE, versions={HOSTILE: HOSTILE},
        site={HOSTILE: HOSTILE}, titles={"console": HOSTILE},
    )  # fmt: skip
    milestones = (Milestone("console", 10, Source.CONSOLE), Milestone(HOSTILE, 20, Source.WIRE, HOSTILE))
    span = TransferSpan(
        protocol="tftp",
        name=HOSTILE,
        start_ns=1,
        end_ns=30,
        size=9,
        sent=3,
        outcome=HOSTILE,
        options={HOSTILE: 1},
    )
    record = BootRecord(
        run_id=info.run_id, index=0, place=HOSTILE, board_type=HOSTILE, image=HOSTILE, method=HOSTILE,
        started_at=HOSTILE, timeline=Timeline(t0_ns=0, milestones=milestones, transfers=(span,), end_ns=90),
        ready=False, console="console/000.cast",
        failure=Failure(Cause.NO_INIT, HOSTILE, EVIDENCE),
    )  # fmt: skip
    with RunWriter(results, info) as writer:
        writer.write_boot(record)
        writer.write_boot(dataclasses.replace(record, index=1, ready=True, failure=None))
        cast = [json.dumps({"version": 2}), json.dumps([0.1, "o", HOSTILE + "\n"]), "[[[", "\x00"]
        writer.console_path(0).write_text("\n".join(cast))
    return writer.folder


def test_nothing_that_a_board_says_becomes_markup(run_dir, tmp_path):
    friendly, hostile = page(run_dir), page(hostile_run(tmp_path / "results"))
    assert set(hostile.elements) <= set(friendly.elements)
    assert hostile.attributes <= friendly.attributes
    assert hostile.elements.count("script") == 1
    assert "img" not in hostile.elements
    assert not any(name.startswith("on") for name in hostile.attributes)
    assert "javascript:alert(3)" in hostile.text  # shown, not followed
    assert not any("javascript" in a for a in hostile.addresses)
    assert "{{ 7*7 }}" in hostile.text
    assert "half \ufffd of a pair" in hostile.text
    assert not set("\x1b\u202e") & set(hostile.text)


def test_a_run_without_a_single_boot_says_so(tmp_path):
    info = RunInfo(
        run_id="20261122T043619Z-3f9a1c", started_at="", place="demo", board_type="b", image="i",
        method="firmware", boots_planned=3, emulated=True,
    )  # fmt: skip
    writer = RunWriter(tmp_path, info)
    assert "The run did not come to its end: 0 of 3 boots are recorded." in page(writer.folder).text


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(UsageError, match="not the folder of a run"):
        write_report(tmp_path)
