import contextlib
import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UsageError
from lab.matrix.agenda import Ended
from lab.matrix.journal import JOURNAL, NIGHTS, Journal, read_lines, seconds_since
from lab.matrix.model import Cell, SuiteKind
from lab.matrix.night import Standing, find_night, load_night
from lab.matrix.quarantine import BY_PERSON, Quarantine
from lab.matrix.suites import read_junit
from lab.matrix.taken import lock_file, take
from lab.model import DriverConfig, Place

_spec = importlib.util.spec_from_file_location("nights", Path(__file__).with_name("nights.py"))
nights = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(nights)

CELL = {
    "place": "p",
    "image": "i",
    "suite": "s",
    "kind": "boot",
    "board_type": "b",
    "emulated": True,
    "boots": 3,
}
BEGIN = {"what": "begin", "schema": 1, "at": "2026-11-22T22:00:00+00:00", "matrix": "m", "cells": [CELL]}


def lines(folder: Path, *objects: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(obj if isinstance(obj, str) else json.dumps(obj) + "\n" for obj in objects)
    (folder / JOURNAL).write_text(text)
    return folder


def test_a_night_reads_back(tmp_path):
    night = nights.write_night(tmp_path, 1, {("p", "i", "s"): [8.0, None, 8.1]}, sick={"q": "power: no"})
    cell = night.cells[Cell("p", "i", "s")]
    assert (cell.kind, cell.ended, len(cell.boots)) == (SuiteKind.BOOT, Ended.DONE, 3)
    assert (cell.standing, cell.counts) == (Standing.FLAKY, (1, 3))
    assert night.places["q"].sick == "power: no"
    assert (night.how, night.matrix) == ("done", "nightly")
    assert find_night(tmp_path, "latest") == find_night(tmp_path, "20261101") == night.folder


def test_what_was_killed_is_readable_and_goes_on(tmp_path):
    folder = lines(tmp_path / NIGHTS / "n", BEGIN, {"what": "cell", "cell": ["p", "i", "s"], "ended": "done"},
                   '{"what": "cell", "ce')  # fmt: skip
    assert load_night(folder).how == ""
    with Journal(folder, fresh=False) as journal:
        journal.write("end", at="2026-11-23T06:00:00+00:00", how="done")
    assert [line["what"] for line in read_lines(folder / JOURNAL)] == ["begin", "cell", "end"]


def test_two_processes_at_one_night(tmp_path):
    folder = lines(tmp_path / NIGHTS / "n", BEGIN)
    with Journal(folder, fresh=False), pytest.raises(UsageError, match="still being run by another process"):
        Journal(folder, fresh=False)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"what": "run", "cell": ["p"]}, ":2: is damaged"),
        ({"what": "cell", "cell": ["p", "i", "s"], "ended": "eaten"}, ":2: is damaged"),
        ("[]\n", ":2: is damaged"),
        ("{]\n", ":2: not a JSON line"),
    ],
)
def test_damage_is_named(tmp_path, bad, told):
    folder = lines(tmp_path / NIGHTS / "n", BEGIN, bad, {"what": "end", "at": "", "how": ""})
    with pytest.raises(UsageError, match=told):
        load_night(folder)


@pytest.mark.parametrize("first", [{**BEGIN, "schema": 2}, {"what": "end"}, ""])
def test_what_is_no_journal_of_ours(tmp_path, first):
    with pytest.raises(UsageError, match=":1: "):
        load_night(lines(tmp_path / NIGHTS / "n", first))


@given(st.binary(max_size=400))
def test_any_journal_is_read_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("night") / NIGHTS / "n"
    folder.mkdir(parents=True)
    (folder / JOURNAL).write_bytes(json.dumps(BEGIN).encode() + b"\n" + data)
    with contextlib.suppress(UsageError):  # any other error is a bug
        load_night(folder)


def test_a_run_that_is_gone_is_a_warning(tmp_path):
    night = nights.write_night(tmp_path, 1, {("p", "i", "s"): [8.0]})
    (tmp_path / next(iter(night.cells.values())).folders[0] / "run.json").unlink()
    again = load_night(night.folder)
    assert "p/i/s" in again.warnings[0]
    assert again.cells[Cell("p", "i", "s")].standing is Standing.NOT_RUN


def test_a_clock_that_was_set_back():
    assert seconds_since("2999-01-01T00:00:00+00:00") == 0.0


def test_quarantine(tmp_path):
    shelf = Quarantine(tmp_path / "results")
    assert shelf.entries() == {}
    since = shelf.add("p", "power: no", night="n1").since
    assert shelf.add("p", "console: silent", night="n2").since == since
    shelf.add("q", "its fan is broken", by=BY_PERSON)
    assert shelf.add("q", "power: no").cause == "its fan is broken"  # theirs
    assert {name: entry.cause for name, entry in shelf.entries().items()} == {
        "p": "console: silent",
        "q": "its fan is broken",
    }
    assert shelf.remove("p")
    assert not shelf.remove("p")
    (tmp_path / "results" / "places.json").write_text('{"places": {"p": 3}}')
    with pytest.raises(UsageError, match=r"places\.json: is damaged"):
        shelf.entries()


def test_a_place_is_taken_by_one(tmp_path, monkeypatch):
    monkeypatch.setenv("BOOTLAB_STATE", str(tmp_path / "state"))
    mac = "52:54:00:aa:03:01"
    emulated, real = (
        Place(
            name="p", board_type="b", mac=mac, power=DriverConfig(kind=kind), console=DriverConfig(kind="x")
        )
        for kind in ("qemu", "pdu")
    )
    assert lock_file(real, tmp_path / "r1") == lock_file(real, tmp_path / "r2")
    assert lock_file(emulated, tmp_path / "r1") != lock_file(emulated, tmp_path / "r2")
    for place in (emulated, real):
        told = pytest.raises(UsageError, match=r"place p is taken by night night-1 \(process \d+, since")
        with take([place], tmp_path / "r1", "night-1"), told:
            take([place], tmp_path / "r1", "night-2")
        take([place], tmp_path / "r1", "night-2").close()


def test_junit(tmp_path):
    file = tmp_path / "j.xml"
    file.write_text(
        '<testsuites><testsuite><testcase name="a"/><testcase name="b">'
        '<failure message="no&#10;way"/></testcase>'
        '<testcase name="c"><skipped/></testcase><testcase name="d"><error>lost</error></testcase>'
        "</testsuite></testsuites>"
    )
    found = read_junit(file)
    assert (found.passed, found.failed) == (1, {"b": "no", "d": "lost"})
    file.write_text("<testsuites><testsu")
    assert read_junit(file).passed == read_junit(tmp_path / "gone").passed == 0
