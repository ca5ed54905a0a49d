import numpy as np
import pytest

from lab.statistics.trend import drifts


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
