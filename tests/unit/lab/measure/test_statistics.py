import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.measure.statistics import (
    measurements,
    median_boot,
    milestone_summaries,
    sample,
    stage_summaries,
    summarise,
)
from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline, TransferSpan

NAMES = ("console", "kernel", "ready")


def boot(
    index: int, *times: float | None, ready: bool = True, transfers: tuple[TransferSpan, ...] = ()
) -> BootRecord:
    """A boot with its milestones at these seconds after power-on; None: not reached."""
    t0 = 10**12 * (index + 1)
    milestones = [
        Milestone(name, t0 + int(t * 1e9), Source.CONSOLE)
        for name, t in zip(NAMES, times, strict=False)
        if t is not None
    ]
    return BootRecord(
        run_id="r", index=index, place="p", board_type="b", image="i", method="firmware", started_at="",
        ready=ready, timeline=Timeline(t0_ns=t0, milestones=tuple(milestones), transfers=transfers),
        failure=None if ready else Failure(Cause.NOT_READY, "It never came."),
    )  # fmt: skip


def span(name: str = "linux", **changes) -> TransferSpan:
    given = {
        "protocol": "tftp",
        "start_ns": 0,
        "end_ns": 2 * 10**9,
        "size": 1000,
        "sent": 1000,
        "repeated": 3,
    }
    return TransferSpan(name=name, **{**given, **changes})


def test_five_values():
    s = summarise([5.0, 1.0, 2.0, 4.0, 100.0], missing=2)
    assert (s.n, s.missing, s.median, s.mad, s.min, s.max) == (5, 2, 4.0, 2.0, 1.0, 100.0)
    assert s.p95 is None  # not enough samples
    assert s.spread == (1.0, 100.0)


def test_one_value_has_no_spread():
    s = summarise([3.0])
    assert (s.median, s.mad, s.spread) == (3.0, None, None)


def test_no_value_has_nothing():
    assert summarise([], missing=5).median is None


def test_two_values_have_no_deviation_but_a_range():
    s = summarise([1.0, 2.0])
    assert (s.mad, s.spread) == (None, (1.0, 2.0))


def test_percentiles_are_observed_values_from_twenty_on():
    assert summarise([float(v) for v in range(1, 20)]).p95 is None
    s = summarise([float(v) for v in range(1, 21)])
    assert (s.p5, s.p95, s.spread) == (1.0, 19.0, (1.0, 19.0))
    hundred = summarise([float(v) for v in range(1, 101)])
    assert (hundred.p5, hundred.p95) == (5.0, 95.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_against_the_definition(values):
    s = summarise(values)
    assert s.median == statistics.median(values)
    assert s.min <= s.median <= s.max
    if s.mad is not None:
        assert 0 <= s.mad <= s.max - s.min
    if s.p95 is not None:
        assert s.p95 in values
        assert sum(v <= s.p95 for v in values) >= 0.95 * len(values)
        assert sum(v < s.p95 for v in values) < 0.95 * len(values)


def test_failed_boots_tell_why_not_how_long():
    boots = [boot(0, 1, 2, 3), boot(1, 9, 90, ready=False), boot(2, 1, 2, 5)]
    assert [r.index for r in sample(boots)] == [0, 2]
    assert milestone_summaries(boots)["ready"].median == 4.0


def test_where_all_failed_what_was_reached_can_be_read():
    boots = [boot(0, 1, ready=False), boot(1, 3, 7, ready=False)]
    reached = milestone_summaries(boots)
    assert (reached["console"].median, reached["console"].missing) == (2.0, 0)
    assert (reached["kernel"].median, reached["kernel"].missing) == (7.0, 1)


def test_a_milestone_missing_in_some_boots_keeps_its_row():
    boots = [boot(0, 1, 2, 4), boot(1, 1, None, 5), boot(2, 1, 3, 6)]
    rows = {(s.start, s.end): s for s in stage_summaries(boots)}
    assert list(rows) == [("power-on", "console"), ("console", "kernel"), ("kernel", "ready")]
    assert (rows["console", "kernel"].seconds.n, rows["console", "kernel"].seconds.missing) == (2, 1)
    assert (rows["kernel", "ready"].seconds.n, rows["kernel", "ready"].seconds.missing) == (2, 1)
    assert rows["kernel", "ready"].since_power_on.n == 3


def test_shares_add_up_however_uneven_the_boots():
    rows = stage_summaries([boot(0, 1, 3, 40), boot(1, 10, 11, 12), boot(2, 1, 30, 44)])
    assert sum(row.share for row in rows) == pytest.approx(1.0)


def test_shares_are_of_the_stages_medians():
    shares = [s.share for s in stage_summaries([boot(0, 1, 3, 4), boot(1, 1, 3, 4), boot(2, 1, 3, 4)])]
    assert shares == [0.25, 0.5, 0.25]


def test_no_boots_no_stages():
    assert stage_summaries([]) == ()
    assert stage_summaries([boot(0, ready=False)]) == ()
    assert median_boot([boot(0, 1, ready=False)]) is None


def test_the_median_boot_is_one_that_happened():
    boots = [
        boot(0, 1, 2, 9),
        boot(1, 1, 2, 3),
        boot(2, 1, 2, 5),
        boot(3, 1, 2, 4),
        boot(4, 0, 0, 1, ready=False),
    ]
    assert median_boot(boots).index == 3  # of 3 4 5 9, the lower of the two in the middle


def test_measurements_have_units_and_say_of_which_boot_they_are():
    transfers = (
        span(),
        span("preseed.cfg", protocol="http", sent=7, repeated=0),
        span(outcome="aborted", sent=0),
    )
    boots = [boot(0, 1, 2, 4, transfers=transfers), boot(1, ready=False), boot(2, 1, None, 5)]
    table = {m.name: m for m in measurements(boots)}
    assert (table["time-to/ready"].unit, table["time-to/ready"].values) == ("s", (4.0, 5.0))
    assert table["time-to/ready"].boots == (0, 2)
    assert (table["time-to/kernel"].values, table["time-to/kernel"].boots) == ((2.0,), (0,))
    assert table["stage/kernel..ready"].values == (2.0,)
    assert (table["transfer/tftp/linux/bytes"].unit, table["transfer/tftp/linux/bytes"].values) == (
        "B",
        (1000.0,),
    )
    assert (table["transfer/tftp/linux/rate"].unit, table["transfer/tftp/linux/rate"].values) == (
        "B/s",
        (500.0,),
    )
    assert table["transfer/tftp/linux/repeated"].values == (3.0,)
    assert table["transfer/http/preseed.cfg/bytes"].values == (7.0,)
    assert table["transfer/tftp/linux#2/bytes"].values == (0.0,)
    assert "transfer/tftp/linux#2/rate" not in table  # it was aborted: a rate would say nothing


def test_a_transfer_of_no_duration_has_no_rate():
    table = {m.name for m in measurements([boot(0, 1, transfers=(span(end_ns=0),))])}
    assert "transfer/tftp/linux/rate" not in table


@pytest.mark.parametrize("count", [1, 5])
def test_stage_seconds_add_up_in_each_boot(count):
    boots = [boot(i, 1 + i, 4 + i, 9 + 2 * i) for i in range(count)]
    stages = [m for m in measurements(boots) if m.name.startswith("stage/")]
    assert [sum(v) for v in zip(*(m.values for m in stages), strict=True)] == [
        9.0 + 2 * i for i in range(count)
    ]
