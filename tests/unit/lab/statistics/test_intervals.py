import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lab.statistics.intervals import MIN_FOR_INTERVAL, median_interval, rate_interval, shift, shift_interval

times = st.floats(0.001, 1e4)
SAMPLES = {
    "odd": np.random.default_rng(1).lognormal(2, 0.3, 21),
    "even": np.random.default_rng(2).lognormal(2, 0.3, 30),
    "skewed": np.random.default_rng(3).pareto(2, 25),
}


@pytest.mark.parametrize("name", list(SAMPLES))
def test_the_closed_form_is_what_drawing_resamples_comes_to(name):
    values = SAMPLES[name]
    drawn = stats.bootstrap(
        (values,), np.median, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    low, high = median_interval(values)
    ordered = np.sort(values)
    # of an even number the closed form is the wider one: by at most one value on either side
    assert abs(np.searchsorted(ordered, drawn.low) - np.searchsorted(ordered, low)) <= 1
    assert abs(np.searchsorted(ordered, drawn.high) - np.searchsorted(ordered, high)) <= 1


@given(st.lists(times, min_size=MIN_FOR_INTERVAL, max_size=60))
def test_the_median_lies_in_its_interval_and_the_bounds_were_seen(values):
    low, high = median_interval(values)
    assert low <= statistics.median(values) <= high
    assert low in values
    assert high in values


@given(st.lists(times, min_size=MIN_FOR_INTERVAL, max_size=40))
def test_more_confidence_is_a_wider_interval(values):
    narrow, wide = median_interval(values, 0.9), median_interval(values, 0.99)
    assert wide[0] <= narrow[0]
    assert narrow[1] <= wide[1]


def test_few_values_have_no_interval():
    assert median_interval([1.0] * (MIN_FOR_INTERVAL - 1)) is None


def test_the_interval_covers_the_median_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    drawn = rng.lognormal(0, 0.5, (1000, 20))
    hits = sum(low <= 1.0 <= high for low, high in map(median_interval, drawn))
    assert 0.92 <= hits / 1000 <= 1.0


@given(st.lists(times, min_size=1, max_size=20), st.floats(-100, 100))
def test_a_sample_that_is_moved_has_that_shift(values, by):
    moved = [value + by for value in values]
    assert shift(values, moved) == pytest.approx(by + shift(values, values), abs=1e-6)


@given(st.lists(times, min_size=1, max_size=25), st.lists(times, min_size=1, max_size=25))
def test_the_shift_lies_in_its_interval_and_turns_its_sign_with_the_sides(a, b):
    low, high = shift_interval(a, b)
    assert low <= shift(a, b) <= high
    assert shift(b, a) == pytest.approx(-shift(a, b), abs=1e-9)
    assert shift_interval(b, a) == pytest.approx((-high, -low), abs=1e-9)


def test_the_shift_interval_is_what_mann_and_whitney_would_not_refuse():
    rng = np.random.default_rng(7)
    a, b = rng.normal(10, 1, 18), rng.normal(10.5, 1, 22)
    low, high = shift_interval(a, b)

    def p(by: float) -> float:
        return stats.mannwhitneyu(b - by, a, method="asymptotic", use_continuity=False).pvalue

    assert p(low - 0.2) < 0.05 < p(low + 0.2)
    assert p(high + 0.2) < 0.05 < p(high - 0.2)


def test_ten_thousand_boots_are_thinned_and_keep_their_shift():
    rng = np.random.default_rng(9)
    a, b = rng.normal(10, 1, 10_000), rng.normal(10.1, 1, 10_000)
    assert shift(a, b) == pytest.approx(0.1, abs=0.05)
    low, high = shift_interval(a, b)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(np.pi / 3 * 2 / 10_000), rel=0.1)


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_rate_against_scipy(hits, misses):
    n = hits + misses
    if not n:
        assert rate_interval(0, 0) == (0.0, 1.0)
        return
    known = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert rate_interval(hits, n) == pytest.approx((known.low, known.high), abs=1e-9)


@pytest.mark.parametrize(("hits", "n"), [(-1, 3), (4, 3)])
def test_what_is_no_rate(hits, n):
    with pytest.raises(ValueError, match="is no rate"):
        rate_interval(hits, n)
