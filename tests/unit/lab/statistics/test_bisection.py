import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.statistics.bisection import Bisection


def search(
    first_bad: int | None,
    versions: int,
    *,
    good: float = 0.0,
    bad: float = 1.0,
    seed: int = 1,
    most: int = 400,
) -> tuple[Bisection, int]:
    """Boot as it says until it is decided; `good` and `bad` are how often such versions fail."""
    rng, state, boots = np.random.default_rng(seed), Bisection(versions), 0
    while not state.decided(0.99) and boots < most:
        version = state.next()
        rate = bad if first_bad is not None and version >= first_bad else good
        state.observe(version, bad=bool(rng.random() < rate))
        boots += 1
    return state, boots


@pytest.mark.parametrize("first_bad", range(1, 9))
def test_it_finds_what_always_fails_with_few_boots(first_bad):
    state, boots = search(first_bad, 9)
    assert state.credible(0.99) == (first_bad,)
    assert boots <= 20


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_a_flake_that_became_frequent(seed):
    state, _ = search(5, 12, good=0.05, bad=0.6, seed=seed)
    assert state.credible(0.99) == (5,)


def test_where_nothing_changed_it_says_so():
    assert search(None, 8, good=0.0)[0].credible(0.99) == (0,)
    assert search(None, 8, good=1.0, bad=1.0)[0].credible(0.99) == (0,)


def test_many_versions_take_not_many_more_boots():
    few, many = search(3, 8)[1], search(57, 128)[1]
    assert many <= few + 12


def test_versions_that_cannot_be_tried_are_left_together():
    state = Bisection(6)
    state.skipped = {2, 3}
    while not state.decided(0.99):
        version = state.next()
        assert version not in state.skipped
        state.observe(version, bad=version >= 3)
    assert state.credible(0.99) == (2, 3, 4)


def test_it_is_wrong_less_often_than_it_says():
    wrong = sum(search(4, 8, good=0.1, bad=0.8, seed=seed)[0].credible(0.99) != (4,) for seed in range(25))
    assert wrong <= 2  # 1 in 100 is allowed; 3 in 25 has a chance of 1 in 500


def test_it_takes_two_versions():
    with pytest.raises(ValueError, match="a good and a bad"):
        Bisection(1)


observations = st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30)


@settings(max_examples=50)
@given(observations)
def test_whatever_is_seen_the_probabilities_are_some(seen):
    state = Bisection(6)
    for version, bad in seen:
        state.observe(version, bad=bad)
    posterior = state.posterior()
    assert posterior.sum() == pytest.approx(1.0)
    assert (posterior >= 0).all()
    assert 0 <= state.next() < 6
    assert posterior[list(state.credible(0.9))].sum() >= 0.9


@settings(max_examples=30)
@given(observations, st.randoms(use_true_random=False))
def test_the_order_of_the_boots_does_not_matter(seen, random):
    one, other = Bisection(6), Bisection(6)
    for version, bad in seen:
        one.observe(version, bad=bad)
    shuffled = seen[:]
    random.shuffle(shuffled)
    for version, bad in shuffled:
        other.observe(version, bad=bad)
    assert one.posterior() == pytest.approx(other.posterior())
