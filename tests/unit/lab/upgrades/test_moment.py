"""Which write a cut comes in: counted from the stage, round again where the stage has fewer."""

import pytest

from lab.upgrades import moment
from lab.upgrades.moment import choose_write


class Story:
    """Time passes with each pause; `over` is when the next stage comes."""

    def __init__(self, over):
        self.now = 0
        self._over = over

    def first(self, names):
        return object() if names and self.now >= self._over else None

    def pause(self, seconds):
        self.now += 1


@pytest.fixture
def clock(monkeypatch):
    """A second for each time that it is asked for."""
    monkeypatch.setattr(moment.time, "monotonic", iter(range(10_000)).__next__)


def chosen(wanted, counts, over, later=("next",)):
    """`counts`: how many writes there are at each look; the last stays."""
    story = Story(over)
    return choose_write(wanted, lambda: counts[min(story.now, len(counts) - 1)], story, later)


@pytest.mark.parametrize(
    ("wanted", "counts", "over", "write"),
    [
        (1, [10, 10, 11], 99, 11),
        (3, [10, 12, 17], 99, 13),
        (3, [10, 11, 12], 2, 11),
        (2, [10, 11, 12], 2, 12),
        (5, [10, 10, 10, 10, 12], 1, 11),
    ],
    ids=["the next", "more came at once", "round again", "the last", "a stage without any lasts"],
)
def test_the_write_is_counted_from_the_stage(wanted, counts, over, write):
    assert chosen(wanted, counts, over) == write


def test_the_last_stage_is_given_some_seconds(clock):
    assert chosen(9, [0, 0, 4], 99, later=()) == 1


def test_nothing_is_written(clock):
    assert chosen(1, [5], 99) == 0
