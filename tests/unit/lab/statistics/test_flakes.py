import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.statistics.flakes import compare_rates, flake_rate
from lab.statistics.verdict import Verdict


def test_a_rate_in_words():
    rate = flake_rate(3, 100)
    assert str(rate) == "3 of 100 failed (0.6% to 8.5%)"
    assert rate.flaky
    assert rate.rate == 0.03


@pytest.mark.parametrize(("failed", "n"), [(0, 10), (10, 10), (0, 0)])
def test_what_never_fails_or_always_is_not_flaky(failed, n):
    assert not flake_rate(failed, n).flaky


def test_nothing_tried_says_nothing():
    assert flake_rate(0, 0).rate is None
    assert compare_rates(flake_rate(0, 0), flake_rate(1, 2)) == (Verdict.NOT_ENOUGH_SAMPLES, 1.0)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((0, 20), (20, 20), Verdict.SLOWER),
        ((20, 20), (0, 20), Verdict.FASTER),
        ((0, 20), (1, 20), Verdict.NOT_ENOUGH_SAMPLES),
        ((0, 20), (9, 20), Verdict.SLOWER),
        ((0, 200), (1, 200), Verdict.SAME),
        ((0, 5), (0, 5), Verdict.NOT_ENOUGH_SAMPLES),
    ],
)
def test_whether_it_fails_more_often(before, after, verdict):
    assert compare_rates(flake_rate(*before), flake_rate(*after))[0] is verdict


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_sides_that_change_places(a, b, c, d):
    one, other = flake_rate(a, a + b), flake_rate(c, c + d)
    verdict, p = compare_rates(one, other)
    turned, same_p = compare_rates(other, one)
    assert p == pytest.approx(same_p)
    pairs = {Verdict.SLOWER: Verdict.FASTER, Verdict.FASTER: Verdict.SLOWER}
    assert turned is pairs.get(verdict, verdict)
