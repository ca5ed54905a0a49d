"""The levers of a boot, in the report's page and in the terminal."""

import dataclasses
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from lab.cli.boot import tell_levers
from lab.report.advice import advice
from lab.report.view import run_view
from lab.store import load_run

DATA = Path(__file__).parents[3] / "data"
BOOT = json.loads((DATA / "levers" / "bios-tftp.json").read_text())


@pytest.fixture
def run(tmp_path):
    """A recorded run whose one boot waited for a proxyDHCP offer."""
    run = load_run(DATA / "run-debian-installer")
    record = next(record for record in run.boots if record.ready)
    start = record.timeline.t0_ns - BOOT["t0_ns"]
    events = [{**event, "t_ns": event["t_ns"] + start} for event in BOOT["events"]]
    late = [
        {**e, "t_ns": e["t_ns"] + 3_000_000_000} if e.get("message") in ("REQUEST", "ACK") else e
        for e in events
    ]
    lines = "".join(json.dumps(event) + "\n" for event in late)
    (tmp_path / f"events-{record.index:03}.jsonl").write_text(lines)
    return dataclasses.replace(run, folder=tmp_path, boots=(record,))


def test_the_page_says_it(run):
    sentence, *_ = run_view(run).levers
    assert sentence.startswith("2.9 s: send iPXE option 175 with 176 = 1")


def test_the_terminal_says_it(run):
    out = io.StringIO()
    tell_levers(run.folder, list(run.boots), Console(file=out, width=300))
    assert out.getvalue().startswith("could be shorter by 2.9 s: send iPXE option 175")


def test_a_boot_without_events_or_with_damaged_ones_has_no_advice(run):
    (record,) = run.boots
    path = run.folder / f"events-{record.index:03}.jsonl"
    path.write_text('{"kind": "of a newer service"}\nno json\n{}\n')
    assert advice(run.folder, record) == ()
    path.unlink()
    assert advice(run.folder, record) == ()


def test_a_boot_that_failed_has_a_cause_and_no_advice(run):
    (record,) = run.boots
    assert advice(run.folder, dataclasses.replace(record, ready=False)) == ()
