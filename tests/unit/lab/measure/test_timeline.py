from hypothesis import given
from hypothesis import strategies as st

from lab.measure.timeline import POWER_ON, Stage, build_timeline, stages
from lab.model import Milestone, Source, Timeline
from pxe.events import DhcpReceived, Event, TransferEnded, TransferStarted

MAC, OTHER = "52:54:00:aa:00:01", "52:54:00:aa:00:02"


def started(t_ns: int, transfer: str = "t1", name: str = "linux", mac: str = MAC) -> TransferStarted:
    return TransferStarted(
        t_ns=t_ns, mac=mac, transfer=transfer, protocol="tftp", peer="10.99.0.50:1024", name=name, size=1000,
        options={"blksize": 1468},
    )  # fmt: skip


def ended(t_ns: int, duration_ns: int, transfer: str = "t1", **changes) -> TransferEnded:
    given = {
        "mac": MAC, "protocol": "tftp", "peer": "10.99.0.50:1024", "name": "linux", "size": 1000, "sent":
        1000, "repeated": 2, "outcome": "complete",
    }  # fmt: skip
    return TransferEnded(t_ns=t_ns, transfer=transfer, duration_ns=duration_ns, **{**given, **changes})


def discover(t_ns: int, mac: str = MAC) -> DhcpReceived:
    return DhcpReceived(t_ns=t_ns, mac=mac, message="DISCOVER", xid=1)


def test_start_and_end_make_one_transfer():
    (span,) = build_timeline(10, [], [ended(200, 100), started(100)], mac=MAC).transfers
    assert (span.start_ns, span.end_ns, span.sent, span.repeated) == (100, 200, 1000, 2)
    assert span.options == {"blksize": 1468}


def test_an_end_without_its_start_still_counts():
    (span,) = build_timeline(10, [], [ended(200, 100)], mac=MAC).transfers
    assert (span.start_ns, span.end_ns) == (100, 200)


def test_what_is_not_ours_or_not_of_this_boot_is_left_out():
    events: list[Event] = [
        started(5),
        ended(60, 55),  # began before power-on
        started(100, "t2", mac=OTHER),
        started(110, "t3"),
        ended(120, 10, "t3"),
    ]
    timeline = build_timeline(50, [Milestone("old", 40, Source.CONSOLE)], events, mac=MAC)
    assert [s.start_ns for s in timeline.transfers] == [110]
    assert timeline.milestones == ()


def test_a_transfer_without_end_runs():
    (span,) = build_timeline(0, [], [started(100)], mac=MAC, end_ns=500).transfers
    assert (span.outcome, span.end_ns, span.sent) == ("running", 500, 0)


def test_a_transfer_without_end_runs_to_the_last_thing_seen():
    (span,) = build_timeline(0, [Milestone("x", 300, Source.CONSOLE)], [started(100)], mac=MAC).transfers
    assert (span.outcome, span.end_ns) == ("running", 300)


def test_asking_again_shows_that_the_first_transfer_stalled():
    first, second = build_timeline(0, [], [started(100), started(300, "t2")], mac=MAC, end_ns=500).transfers
    assert (first.outcome, first.end_ns) == ("stalled", 300)
    assert (second.outcome, second.end_ns) == ("running", 500)


def test_going_back_to_dhcp_shows_that_the_transfer_stalled():
    (span,) = build_timeline(
        0, [], [started(100), discover(250), discover(400)], mac=MAC, end_ns=500
    ).transfers
    assert (span.outcome, span.end_ns) == ("stalled", 250)


def test_another_machine_says_nothing_about_our_transfer():
    (span,) = build_timeline(0, [], [started(100), discover(200, OTHER)], mac=MAC, end_ns=500).transfers
    assert span.outcome == "running"


def test_another_file_says_nothing_either():
    events = [started(100), started(200, "t2", "initrd.gz")]
    assert [s.outcome for s in build_timeline(0, [], events, mac=MAC).transfers] == ["running", "running"]


def test_stages_run_from_milestone_to_milestone_and_later_dhcp_rounds_do_not_cut_them():
    milestones = (
        Milestone("console", 20, Source.CONSOLE),
        Milestone("dhcp#2", 30, Source.WIRE),
        Milestone("kernel", 50, Source.CONSOLE),
    )
    assert stages(Timeline(t0_ns=10, milestones=milestones)) == (
        Stage(POWER_ON, "console", 10, 20),
        Stage("console", "kernel", 20, 50),
    )
    assert stages(Timeline(t0_ns=10)) == ()


@given(st.lists(st.integers(0, 10**12)), st.integers(0, 10**12))
def test_stages_add_up_to_the_whole_boot(times, t0_ns):
    milestones = [Milestone(f"m{i}", t, Source.CONSOLE) for i, t in enumerate(times)]
    timeline = build_timeline(t0_ns, milestones)
    assert sum(s.end_ns - s.start_ns for s in stages(timeline)) == max([t0_ns, *times]) - t0_ns
    assert all(s.end_ns >= s.start_ns for s in stages(timeline))
