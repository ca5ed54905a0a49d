import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lab.statistics.compare import Rule, compare, fewest, holm
from lab.statistics.verdict import Verdict

WHOLE = "whole"


def boots(seed: int, n: int = 20, slower: float = 1.0, spread: float = 0.02) -> dict[str, list[float]]:
    """A boot of three stages; the middle one is `slower` times as long."""
    rng = np.random.default_rng(seed)
    stages = {name: mean * rng.lognormal(0, spread, n) for name, mean in (("a", 2.0), ("b", 5.0), ("c", 3.0))}
    stages["b"] = stages["b"] * slower
    return {WHOLE: sum(stages.values()), **stages}


def verdicts(*args, **kwargs) -> dict[str, Verdict]:
    return {d.name: d.verdict for d in compare(*args, WHOLE, **kwargs)}


def test_a_slower_stage_is_named_and_so_is_the_boot():
    found = {d.name: d for d in compare(boots(1), boots(2, slower=1.2), WHOLE)}
    assert [d.verdict for d in found.values()] == [Verdict.SLOWER, Verdict.SAME, Verdict.SLOWER, Verdict.SAME]
    assert found["b"].shift == pytest.approx(1.0, abs=0.15)
    assert found["b"].low < found["b"].shift < found["b"].high
    assert found["b"].relative == pytest.approx(0.2, abs=0.03)
    assert found[WHOLE].needed is None


def test_a_faster_stage():
    assert verdicts(boots(1), boots(2, slower=0.8))["b"] is Verdict.FASTER


def test_the_same_excludes_a_change_of_the_margin():
    assert set(verdicts(boots(1), boots(2)).values()) == {Verdict.SAME}


def test_noise_that_hides_the_margin_is_not_enough_and_says_how_many_would_be():
    found = compare(boots(1, spread=0.6), boots(2, spread=0.6), WHOLE)[0]
    assert found.verdict is Verdict.NOT_ENOUGH_SAMPLES
    assert found.needed > 20


def test_a_change_that_is_sure_and_does_not_matter_is_the_same():
    a, b = boots(1, n=400, spread=0.01), boots(2, n=400, spread=0.01, slower=1.01)
    found = {d.name: d for d in compare(a, b, WHOLE)}
    assert found["b"].p < 0.01
    assert found["b"].verdict is Verdict.SAME


def test_a_stage_that_nobody_would_notice_is_judged_by_the_boot():
    a, b = boots(1), boots(2)
    rng = np.random.default_rng(3)
    a["tiny"], b["tiny"] = rng.normal(0.002, 0.0002, 20), rng.normal(0.009, 0.0002, 20)
    assert verdicts(a, b)["tiny"] is Verdict.SAME


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_boots_are_not_enough_however_far_apart(n):
    found = compare({WHOLE: [1.0] * n, "a": [1.0] * n}, {WHOLE: [9.0] * n, "a": [9.0] * n}, WHOLE)
    assert {d.verdict for d in found} == {Verdict.NOT_ENOUGH_SAMPLES}
    assert {d.needed for d in found} == {6}


def test_six_boots_can_tell():
    a = {WHOLE: [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]}
    assert compare(a, {WHOLE: [9.0, 9.1, 9.2, 9.3, 9.4, 9.5]}, WHOLE)[0].verdict is Verdict.SLOWER


def test_a_quantity_that_a_side_lacks():
    a, b = boots(1), boots(2)
    del b["c"]
    found = {d.name: d for d in compare(a, b, WHOLE)}
    assert found["c"].verdict is Verdict.NOT_ENOUGH_SAMPLES
    assert (found["c"].shift, found["c"].medians[1]) == (None, None)


def test_values_that_are_all_one_and_the_same():
    same = {WHOLE: [2.0] * 10}
    assert compare(same, same, WHOLE)[0].verdict is Verdict.SAME


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number(value):
    with pytest.raises(ValueError, match="no finite number"):
        compare({WHOLE: [1.0]}, {WHOLE: [value]}, WHOLE)


@pytest.mark.parametrize(
    "given", [{"alpha": 0.0}, {"alpha": 1.5}, {"confidence": 1.0}, {"margin": 0.01}, {"relevant": -1.0}]
)
def test_a_rule_that_makes_no_sense(given):
    with pytest.raises(ValueError, match=r"probability|margin"):
        Rule(**given)


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=12))
def test_holm_against_scipys_general_procedure(p_values):
    adjusted = holm(p_values)
    # by definition: the k-th smallest times how many are left, never below one before it
    ordered = sorted(p_values, key=p_values.__getitem__)
    running = 0.0
    for rank, name in enumerate(ordered):
        running = max(running, min(1.0, p_values[name] * (len(ordered) - rank)))
        assert adjusted[name] == running
    assert all(adjusted[name] >= p_values[name] for name in p_values)


@settings(max_examples=30)
@given(st.floats(1e-6, 0.4))
def test_the_fewest_that_can_tell(alpha):
    n = fewest(alpha)
    apart = stats.mannwhitneyu(range(n), range(n, 2 * n), method="exact").pvalue
    assert apart <= alpha
    if n > 1:
        assert stats.mannwhitneyu(range(n - 1), range(n, 2 * n - 1), method="exact").pvalue > alpha


samples = st.lists(st.floats(0.01, 100), min_size=1, max_size=15)


@settings(max_examples=40)
@given(samples, samples)
def test_sides_that_change_places_turn_the_verdict(a, b):
    turned = {Verdict.SLOWER: Verdict.FASTER, Verdict.FASTER: Verdict.SLOWER}
    one, other = compare({WHOLE: a}, {WHOLE: b}, WHOLE)[0], compare({WHOLE: b}, {WHOLE: a}, WHOLE)[0]
    assert one.p == pytest.approx(other.p)
    if {one.verdict, other.verdict} & set(turned) and Verdict.SAME not in (one.verdict, other.verdict):
        assert turned[one.verdict] is other.verdict


@settings(max_examples=40)
@given(samples, st.floats(0.1, 10))
def test_the_verdict_does_not_depend_on_the_unit(values, factor):
    later = [value * 1.5 for value in values]
    one = compare({WHOLE: values}, {WHOLE: later}, WHOLE)[0]
    other = compare({WHOLE: [v * factor for v in values]}, {WHOLE: [v * factor for v in later]}, WHOLE)[0]
    assert one.shift * factor == pytest.approx(other.shift, rel=1e-6)


def test_a_host_that_is_busy_for_a_while_proves_nothing():
    """Two samples from one slow wave, one after the other: a test that believes them finds a change."""
    rng = np.random.default_rng(1)
    wave = 10 + np.cumsum(rng.normal(0, 0.5, 60))
    found = compare({WHOLE: wave[:30]}, {WHOLE: wave[30:]}, WHOLE)[0]
    assert found.p < 0.01
    assert found.drifts
    assert found.verdict is Verdict.NOT_ENOUGH_SAMPLES


def test_where_nothing_changed_hardly_anything_is_called_changed():
    """Of 100 comparisons of 20 boots at most 1 in 100 is allowed: 6 or more has a chance of 1 in 1000."""
    changed = 0
    for seed in range(100):
        found = compare(boots(2 * seed, spread=0.05), boots(2 * seed + 1, spread=0.05), WHOLE)
        changed += any(d.verdict in (Verdict.SLOWER, Verdict.FASTER) for d in found)
    assert changed < 6


def test_a_boot_that_is_ten_percent_slower_is_found():
    found = 0
    for seed in range(40):
        a, b = boots(2 * seed, spread=0.05), boots(2 * seed + 1, spread=0.05)
        slow = {name: [1.1 * value for value in values] for name, values in b.items()}
        found += compare(a, slow, WHOLE)[0].verdict is Verdict.SLOWER
    assert found >= 38
