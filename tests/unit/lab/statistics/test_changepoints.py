import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.statistics.changepoints import FEWEST_NIGHTS, change_points, levels


def nights(seed: int, *parts: tuple[int, float], spread: float = 0.02) -> list[float]:
    rng = np.random.default_rng(seed)
    return [level * value for n, level in parts for value in rng.lognormal(0, spread, n)]


def test_since_when_it_is_slow():
    history = nights(1, (30, 10.0), (10, 11.0))
    (first, second) = levels(history)
    assert (first.start, first.end, second.end) == (0, second.start, 40)
    assert second.start in (29, 30, 31)
    assert second.median == pytest.approx(11.0, rel=0.03)


def test_slow_and_fast_again():
    assert change_points(nights(2, (20, 10.0), (15, 12.0), (20, 10.0))) == pytest.approx((20, 35), abs=1)


def test_one_bad_night_is_no_new_level():
    history = nights(3, (40, 10.0))
    history[20] = 99.0
    assert change_points(history) == ()


def test_a_change_that_does_not_matter_is_none():
    history = nights(4, (40, 10.0), (40, 10.1), spread=0.001)
    assert change_points(history) == ()
    assert len(change_points(history, relevant=0.005)) == 1


def test_a_short_history_is_one_level():
    assert change_points([1.0] * (FEWEST_NIGHTS // 2) + [9.0] * (FEWEST_NIGHTS // 2 - 1)) == ()


def test_nothing_and_the_same_again_and_again():
    assert levels([]) == ()
    assert change_points([5.0] * 100) == ()


def test_a_night_that_is_no_number():
    with pytest.raises(ValueError, match="no finite number"):
        levels([1.0, float("nan")])


def test_histories_without_a_change_have_none():
    """Of 300 at most 1 in 100 is allowed: 11 or more has a chance of 1 in 1000."""
    assert sum(bool(change_points(nights(seed, (60, 10.0)), relevant=0.0)) for seed in range(300)) < 11


@given(st.lists(st.floats(0.001, 1e6), max_size=60), st.floats(0, 0.5))
def test_the_levels_are_the_history_in_parts(values, relevant):
    found = levels(values, relevant)
    assert [level.start for level in found] == [0, *(level.end for level in found[:-1])][: len(found)]
    assert (found[-1].end if found else 0) == len(values)
    for level in found:
        assert level.median == np.median(values[level.start : level.end])


@given(st.lists(st.floats(0.001, 1e6), min_size=12, max_size=40))
def test_only_the_order_of_the_values_decides_where_it_is_cut(values):
    scaled = [value * 8 for value in values]  # exact in floating point
    assert change_points(values) == change_points(scaled)
