import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.matrix import matrix as command
from lab.errors import UsageError
from lab.matrix.agenda import Ended
from lab.matrix.journal import JOURNAL, NIGHTS
from lab.matrix.model import Cell, ImageSpec, Matrix, Settings, Suite, SuiteKind, Task
from lab.matrix.night import Night, load_night
from lab.matrix.runner import (
    _agendas,
    _runs,
    check_deadline,
    estimates,
    objection_to_resume,
    plan,
    unfinished,
)

_spec = importlib.util.spec_from_file_location("nights", Path(__file__).with_name("nights.py"))
nights = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(nights)

A, B = ("p", "a", "s"), ("p", "b", "s")


def made(tmp_path, *cells, **changes) -> Matrix:
    tasks = tuple(
        Task(
            cell=Cell(*cell),
            board_type="b",
            emulated=True,
            suite=Suite(name=cell[2], kind=SuiteKind.BOOT),
            image=ImageSpec(name=cell[1]),
            settings=Settings(boots=10, retries=1, give_up_after=3),
        )
        for cell in cells
    )
    known = {
        "name": "nightly",
        "file": tmp_path / "nightly.yaml",
        "lab": tmp_path / "lab.yaml",
        "digest": "d",
    }
    return Matrix(tasks=tasks, **{**known, **changes})


def cut_off(night: Night) -> Night:
    """As a kill leaves it: without its last lines."""
    file = night.folder / JOURNAL
    lines = [
        line for line in file.read_text().splitlines() if json.loads(line)["what"] not in ("cell", "end")
    ]
    file.write_text("\n".join(lines) + "\n")
    return load_night(night.folder)


def test_a_night_that_was_cut_off_goes_on_where_it_was(tmp_path):
    times = [8.0, None, 8.0, *[None] * 4]
    attempts = {B: [1, 1, 2, 1, 2, 1, 2]}
    night = cut_off(nights.write_night(tmp_path, 1, {A: [8.0] * 3, B: times}, attempts=attempts))
    matrix = made(tmp_path, A, B)
    assert unfinished(tmp_path, matrix).id == night.id
    assert objection_to_resume(matrix, night) == ""
    agenda = _agendas(matrix, night, {})["p"]
    a, b = agenda.progress[Cell(*A)], agenda.progress[Cell(*B)]
    assert (a.settled, a.failed, b.settled, b.failed, b.streak) == (3, 0, 4, 2, 2)
    assert agenda.next().task.cell == Cell(*A)
    assert set(_runs(night)) == {Cell(*A), Cell(*B)}
    agenda.settle(Cell(*B), 5.0, ready=False)
    agenda.settle(Cell(*B), 5.0, ready=False)
    assert b.ended is Ended.GIVEN_UP


def test_what_cannot_be_gone_on_with_is_said(tmp_path):
    night = cut_off(nights.write_night(tmp_path, 1, {A: [8.0]}))
    assert "has been changed since" in objection_to_resume(made(tmp_path, A, digest="other"), night)
    assert "lab.yaml has been changed since" in objection_to_resume(made(tmp_path, A, B), night)
    long_ago = replace(night, began="2020-01-01T00:00:00+00:00")
    assert "the deadline of night" in objection_to_resume(made(tmp_path, A, deadline=3600.0), long_ago)
    nights.write_night(tmp_path, 2, {A: [8.0]})
    assert unfinished(tmp_path, made(tmp_path, A)) is None  # there has been a whole one since


def test_estimates_are_of_earlier_nights(tmp_path):
    nights.write_night(tmp_path, 1, {A: [8.0] * 3, B: [20.0]})
    nights.write_night(tmp_path, 2, {A: [9.0, 11.0], B: []})
    nights.write_night(tmp_path, 3, {A: [500.0]}, matrix="other")
    assert estimates(tmp_path, "nightly") == {Cell(*A): 10.0, Cell(*B): 20.0}


@pytest.mark.parametrize(
    ("known", "source"), [(True, "last time"), (False, "a guess: no earlier night tells")]
)
def test_a_deadline_that_fits_nothing(tmp_path, known, source):
    if known:
        nights.write_night(tmp_path, 1, {A: [8.0]})
    matrix = made(tmp_path, A, deadline=2.0)
    with pytest.raises(UsageError, match="nothing fits into the deadline of 2 s") as caught:
        check_deadline(matrix, plan(matrix, tmp_path, deadline=2.0))
    assert source in str(caught.value)


def test_quarantine_by_hand(tmp_path):
    def run(*words):
        return CliRunner().invoke(command, ["quarantine", *words, "--results", str(tmp_path)])

    assert "no place is in quarantine" in run("list").output
    run("add", "pc1", "its fan is broken")
    assert "its fan is broken" in run("list").output
    assert json.loads(run("list", "--json").output)["pc1"]["by"] == "person"
    run("remove", "pc1")
    assert isinstance(run("remove", "pc1").exception, UsageError)


def test_status_and_its_json(tmp_path):
    nights.write_night(tmp_path, 1, {A: [8.0, None], B: []}, sick={"p": "power: no"}, ended={B: "sick"})
    shown = CliRunner().invoke(command, ["status", "--results", str(tmp_path)])
    assert "p is in quarantine: power: no" in shown.output
    document = json.loads(
        CliRunner().invoke(command, ["status", "--json", "--results", str(tmp_path)]).output
    )
    assert [cell["standing"] for cell in document["cells"]] == ["flaky", "not-run"]
    assert document["cells"][0]["failed"] == 1
    none = CliRunner().invoke(command, ["status", "1999", "--results", str(tmp_path)])
    assert "no night is called '1999'" in str(none.exception)
    assert not (tmp_path / NIGHTS / "1999").exists()
