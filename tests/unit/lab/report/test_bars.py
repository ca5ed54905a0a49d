from hypothesis import given
from hypothesis import strategies as st

from lab.measure.statistics import stage_summaries
from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline, TransferSpan
from lab.report.bars import (
    COLOURS,
    Axis,
    Names,
    options_text,
    span_seconds,
    stage_bars,
    transfer_bars,
    waiting_bar,
)

S = 10**9


def boot(*times: float, end: float | None = None, transfers: tuple[TransferSpan, ...] = ()) -> BootRecord:
    milestones = tuple(Milestone(f"m{i}", int(t * S), Source.CONSOLE) for i, t in enumerate(times))
    return BootRecord(
        run_id="r", index=2, place="p", board_type="b", image="i", method="firmware", started_at="",
        ready=end is None,
        failure=None if end is None else Failure(Cause.NOT_READY, "x"),
        timeline=Timeline(t0_ns=0, milestones=milestones, transfers=transfers, end_ns=end and int(end * S)),
    )  # fmt: skip


def span(start: float, end: float, **changes) -> TransferSpan:
    given = {
        "protocol": "tftp",
        "name": "linux",
        "size": 100,
        "sent": 100,
        "options": {"blksize": 1468, "tsize": 100},
    }
    return TransferSpan(start_ns=int(start * S), end_ns=int(end * S), **{**given, **changes})


def test_stages_lie_end_to_end_on_the_axis():
    first, second = stage_bars(boot(1, 4), Axis(8.0), Names(("m0", "m1"), {"m1": "ready"}))
    assert (first.bar.left, first.bar.width, second.bar.left, second.bar.width) == (0, 12.5, 12.5, 37.5)
    assert (second.since, second.title, second.seconds, second.at) == ("m0", "ready", "3.00", "4.00")
    assert (first.anchor, second.anchor) == ("b3-m1", "b3-m2")
    assert first.whisker is None


def test_the_whisker_is_the_spread_of_the_length_from_the_start_on():
    boots = [boot(1, 4), boot(1, 5), boot(1, 7)]
    _, second = stage_bars(boots[1], Axis(10.0), Names(("m0", "m1"), {}), stage_summaries(boots))
    assert (second.whisker.left, second.whisker.width) == (40.0, 30.0)
    assert second.spread == "3.00 to 6.00 s"


def test_a_whisker_too_narrow_to_see_is_left_out():
    boots = [boot(1, 4.0), boot(1, 4.001)]
    bars = stage_bars(boots[0], Axis(10.0), Names(("m0", "m1"), {}), stage_summaries(boots))
    assert [b.whisker for b in bars] == [None, None]


def test_transfers_tell_rate_options_and_how_far_they_came():
    good, bad = transfer_bars(
        boot(1, transfers=(span(1, 2), span(2, 3, outcome="stalled", sent=50, repeated=4))), Axis(4)
    )
    assert (good.name, good.size, good.rate, good.options, good.good) == (
        "linux",
        "100 B",
        "100 B/s",
        "blksize 1468",
        True,
    )
    assert (bad.name, bad.size, bad.rate, bad.good, bad.repeated) == (
        "linux#2",
        "50 B of 100 B",
        "–",
        False,
        4,
    )


def test_what_was_waited_for_in_vain():
    assert waiting_bar(boot(1, 2, end=4), Axis(4)).left == 50
    assert waiting_bar(boot(end=4), Axis(4)).width == 100
    assert waiting_bar(boot(1, 2), Axis(4)) is None
    assert span_seconds(boot(1, 2, end=4)) == 4.0
    assert span_seconds(boot(1, transfers=(span(2, 9),))) == 9.0


def test_names_have_titles_colours_and_rounds():
    names = Names(tuple(f"m{i}" for i in range(COLOURS + 1)), {"m0": "first"})
    assert names.title("m0") == "first"
    assert names.title("m0#2") == "first (round 2)"
    assert names.title("power-on") == "power-on"
    assert names.title("console") == "first byte on the console"
    assert names.colour("m1#3") == 1
    assert names.colour(f"m{COLOURS}") == 0


def test_options_leave_the_size_out():
    assert options_text({"tsize": 1, "blksize": 1468, "windowsize": 16}) == "blksize 1468, windowsize 16"


@given(st.floats(-10, 1e6), st.floats(0, 1e6))
def test_everything_stays_on_the_axis(seconds, length):
    assert 0 <= Axis(length).at(seconds) <= 100
    assert all(0 <= left <= 100 for left, _ in Axis(length).ticks)
    assert 0 <= Axis(length).step <= 100
