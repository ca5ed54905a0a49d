import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.strategy import DEFAULT_DEADLINE, BootStrategy, Ending

ORDER = ("u-boot", "dhcp-ack", "kernel", "ready")
S = 1_000_000_000


def strategy(**deadlines: float) -> BootStrategy:
    return BootStrategy(ORDER, deadlines, 0)


def test_the_last_milestone_makes_it_ready() -> None:
    s = strategy()
    for n, name in enumerate(ORDER):
        assert s.awaited == name
        s.milestone(name, n * S)
    assert s.verdict is not None
    assert (s.verdict.ending, s.verdict.t_ns) == (Ending.READY, 3 * S)
    assert s.get_timer() is None


def test_a_later_milestone_passes_those_before_it() -> None:
    s = strategy()
    s.milestone("kernel", S)
    s.milestone("u-boot", 2 * S)
    assert s.awaited == "ready"
    assert s.get_timer() == S + int(DEFAULT_DEADLINE * S), "what came late is no progress"


def test_what_is_proven_to_be_past_is_not_waited_for() -> None:
    s = strategy(kernel=50)
    s.passed({"dhcp-ack", "nothing of ours"})
    s.progress(3 * S)
    assert (s.awaited, s.get_timer()) == ("kernel", 53 * S)
    s.milestone("kernel", 4 * S)
    s.passed({"dhcp-ack"})
    s.passed({"ready"})
    assert s.awaited == "ready", "not back, and never past the end"
    assert s.verdict is None


def test_each_milestone_has_its_own_deadline_from_the_last_progress() -> None:
    s = strategy(**{"u-boot": 2, "dhcp-ack": 5})
    assert s.get_timer() == 2 * S
    s.milestone("u-boot", S)
    assert s.get_timer() == 6 * S
    s.progress(4 * S)
    assert s.get_timer() == 9 * S
    s.handle_timer(9 * S - 1)
    assert s.verdict is None
    s.handle_timer(9 * S)
    assert s.verdict is not None
    assert (s.verdict.ending, s.verdict.awaited) == (Ending.DEADLINE, "dhcp-ack")


def test_the_first_verdict_stands() -> None:
    s = strategy()
    s.end(Ending.ALARM, S, "panic")
    s.milestone("ready", 2 * S)
    s.handle_timer(1000 * S)
    s.end(Ending.GONE, 3 * S)
    assert s.verdict is not None
    assert s.verdict.ending is Ending.ALARM


def test_unknown_milestones_are_no_progress() -> None:
    s = strategy()
    before = s.get_timer()
    s.milestone("dhcp-round-2", 5 * S)
    assert s.get_timer() == before


def test_nothing_to_expect_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one"):
        BootStrategy((), {}, 0)


@given(st.lists(st.tuples(st.sampled_from([*ORDER, "noise", "tick", "alarm"]), st.integers(0, 30))))
def test_any_history_ends_at_most_once_and_time_always_ends_it(history: list[tuple[str, int]]) -> None:
    s, now, seen = strategy(), 0, None
    for what, gap in history:
        now += gap * S
        if what == "tick":
            s.handle_timer(now)
        elif what == "alarm":
            s.end(Ending.ALARM, now)
        else:
            s.milestone(what, now)
        if seen is not None:
            assert s.verdict == seen
        seen = s.verdict
        assert (s.get_timer() is None) == (s.verdict is not None)
    due = s.get_timer()
    if due is not None:
        s.handle_timer(due)
    assert s.verdict is not None
