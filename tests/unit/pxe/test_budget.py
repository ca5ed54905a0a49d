from hypothesis import given
from hypothesis import strategies as st

from pxe.budget import Budget


def test_a_burst_and_then_a_rate():
    budget = Budget(3, 2, 100.0)
    assert [budget.spend(100.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert budget.take_skipped() == 2
    assert [budget.spend(100.5), budget.spend(100.5)] == [True, False]
    assert (budget.take_skipped(), budget.take_skipped()) == (1, 0)


def test_silence_saves_up_one_burst_and_no_more():
    budget = Budget(3, 2, 0.0)
    assert sum(budget.spend(3600.0) for _ in range(10)) == 3


@given(st.lists(st.floats(0, 10)))
def test_never_more_than_a_burst_and_the_rate(waits):
    budget, now, spent = Budget(5, 2, 0.0), 0.0, 0
    for wait in waits:
        now += wait
        spent += budget.spend(now)
    assert spent <= 5 + 2 * now + 1e-6
    assert spent + budget.skipped == len(waits)
