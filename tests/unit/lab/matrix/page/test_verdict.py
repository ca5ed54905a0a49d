from dataclasses import replace

import pytest

from lab.matrix.changes import Kind
from lab.matrix.model import Cell, SuiteKind
from lab.matrix.night import CellNight, Night
from lab.matrix.page.verdict import Against, against
from lab.testing.runs import boots, run


def cell(records=(), name="a", load=None, **changes):
    made = tuple(replace(each, load=load) for each in records)
    return CellNight(
        cell=Cell("p1", "image", "boot"), board_type="board", emulated=True, kind=SuiteKind.BOOT, planned=20,
        runs=(run(name, made, **changes),) if made else (),
    )  # fmt: skip


@pytest.fixture
def night(tmp_path):
    return Night(id="n", folder=tmp_path, matrix="m", digest="", began="")


def test_it_is_slower_where_the_changes_of_the_night_say_so(night):
    now, before = cell(boots(seed=2, kernel=1.2), "b"), cell(boots())
    found = against(night, now, before, [Kind.SLOWER])
    assert (found.word, found.change[0]) == ("slower", "+")
    assert found.interval.startswith("+0.")
    assert against(night, now, before, []).word == "no news"


def test_the_same_and_what_cannot_be_told(night):
    assert against(night, cell(boots(seed=2), "b"), cell(boots()), []).word == "same"
    assert against(night, cell(boots(2, seed=2), "b"), cell(boots(2)), []).word == "too few boots"
    slow = cell(boots(seed=2, kernel=1.2), "b", load=9.0)
    assert against(night, slow, cell(boots(), load=0.5), []).word == "host busier"


def test_without_boots_on_a_side_nothing_is_said(night):
    assert against(night, cell(), cell(boots()), []) == Against()
    assert against(night, cell(boots()), None, []) == Against()


def test_what_may_not_be_compared_says_why(night):
    found = against(night, cell(boots(), "b"), cell(boots(), emulated=False), [])
    assert found.word == ""
    assert "an emulator's seconds are its host's" in found.why_not
