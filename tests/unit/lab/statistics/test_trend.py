import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lab.statistics.trend import drifts, mean_ranks


def test_what_drifts_and_what_does_not():
    rng = np.random.default_rng(1)
    assert drifts(np.cumsum(rng.normal(0, 1, 30)))
    assert not drifts(rng.normal(10, 1, 30))


@pytest.mark.parametrize("values", [[], [1.0] * 7, [1.0] * 50, list(range(7))])
def test_too_few_or_all_the_same_tell_nothing(values):
    assert not drifts(values)


def test_boots_by_chance_are_seldom_called_drifting():
    rng = np.random.default_rng(2)
    assert sum(drifts(rng.normal(10, 1, 20)) for _ in range(1000)) <= 25


@given(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.5, 8.0]) | st.floats(-1e6, 1e6), max_size=40))
def test_ranks_against_scipy(values):
    assert list(mean_ranks(values)) == list(stats.rankdata(values))
