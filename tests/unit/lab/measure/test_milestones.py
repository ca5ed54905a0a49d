import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.measure.milestones import LINE_LIMIT, MilestoneTracker
from lab.model import Milestone, MilestoneRule, Source
from pxe.events import DhcpReceived, DhcpSent, TransferEnded

MAC = "52:54:00:aa:00:01"
DATA = Path(__file__).parents[3] / "data"


def rule(name: str, pattern: str, source: Source = Source.CONSOLE) -> MilestoneRule:
    return MilestoneRule(name, source, pattern)


RULES = (
    rule("u-boot", r"^U-Boot \d{4}\.\d\d"),
    rule("prompt", r"^=> $"),
    rule("kernel", r"Booting Linux on"),
    rule("init", r"Run /\S+ as init"),
    rule("greedy", r"a.*b"),
    rule("word", r"\bend\b"),
)


def feed_all(data: bytes, cuts: list[int], rules: tuple[MilestoneRule, ...] = RULES) -> list[Milestone]:
    tracker, found, start = MilestoneTracker(rules), [], 0
    for cut in [*sorted(min(c, len(data)) for c in cuts), len(data)]:
        found += tracker.feed_console(7, data[start:cut])
        start = cut
    return found


def test_first_byte_is_the_console_milestone():
    tracker = MilestoneTracker(())
    assert tracker.feed_console(1, b"") == []
    assert tracker.feed_console(5, b"\x00") == [Milestone("console", 5, Source.CONSOLE)]
    assert tracker.feed_console(6, b"more") == []


def test_a_prompt_without_newline_matches_at_once_and_only_once():
    tracker = MilestoneTracker((rule("prompt", "^=> $"),))
    tracker.feed_console(1, b"noise\r\n")
    assert tracker.feed_console(2, b"=>") == []
    assert [m.t_ns for m in tracker.feed_console(3, b" ")] == [3]
    assert tracker.feed_console(4, b"\r\n=> ") == []


def test_time_is_of_the_chunk_that_completes_the_match():
    tracker = MilestoneTracker((rule("kernel", "Booting Linux on"),))
    tracker.feed_console(1, b"[    0.000000] Booting Li")
    assert tracker.feed_console(2, b"nux on physical CPU") == [
        Milestone("kernel", 2, Source.CONSOLE, "Booting Linux on")
    ]


def test_escape_sequences_do_not_hide_a_match():
    assert [m.name for m in feed_all(b"Run \x1b[1m/init\x1b[0m as init process\n", [])] == ["console", "init"]


def test_order_is_that_of_the_text_not_of_the_rules():
    found = feed_all(b"Run /init as init; Booting Linux on\n", [])
    assert [m.name for m in found] == ["console", "init", "kernel"]


def test_text_that_a_backspace_takes_away_was_there():
    assert "prompt" in [m.name for m in feed_all(b"=> \b\b\b   ", [])]


def test_several_rules_of_one_name_are_alternatives():
    rules = (rule("ready", "login: "), rule("ready", "Choose language"))
    assert [m.detail for m in feed_all(b"Choose language\nlogin: ", [], rules)] == ["", "Choose language"]


def test_a_line_without_end_takes_bounded_memory():
    tracker = MilestoneTracker(RULES)
    for _ in range(100):
        tracker.feed_console(1, b"#" * 1000)
    assert len(tracker._line) < LINE_LIMIT


def test_a_bad_pattern_is_named():
    with pytest.raises(ValueError, match=r"'init': '\(' is not a regular expression"):
        MilestoneTracker((rule("init", "("),))


noise = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"U-Boot 2023.01+dfsg",
                b"\r\n",
                b"=> ",
                b"\b",
                b"Booting Linux on",
                b"Run /init as init",
                b"aXbXb",
                b"an end",
                b"ends",
                b"\x1b[1m",
                b"\x1b[2;1H",
                b"\xc3\xa9",
                b"#" * 1500,
            ]
        ),
        st.binary(max_size=6),
    ),
    max_size=15,
).map(b"".join)


@settings(deadline=None)
@given(noise, st.lists(st.integers(0, 3000), max_size=30))
def test_split_anywhere_gives_the_same_milestones(data, cuts):
    assert feed_all(data, cuts) == feed_all(data, [])


@settings(deadline=None)
@given(noise.filter(lambda data: len(data) < 500))
def test_byte_by_byte_gives_the_same_milestones(data):
    assert feed_all(data, list(range(len(data)))) == feed_all(data, [])


def received(t_ns: int, message: str = "DISCOVER", mac: str | None = MAC) -> DhcpReceived:
    return DhcpReceived(t_ns=t_ns, mac=mac, message=message, xid=1)


def sent(t_ns: int, message: str, mac: str | None = MAC) -> DhcpSent:
    return DhcpSent(t_ns=t_ns, mac=mac, message=message, xid=1, ip="10.99.0.50")


WIRE = (
    rule("dhcp", "^dhcp-received DISCOVER$", Source.WIRE),
    rule("dhcp-ack", "^dhcp-sent ACK$", Source.WIRE),
    rule("preseed", "^transfer-ended preseed.cfg$", Source.WIRE),
)


def test_only_events_of_our_own_machine_count():
    tracker = MilestoneTracker(WIRE, MAC)
    assert tracker.feed_event(received(1, mac="52:54:00:00:00:99")) == []
    assert tracker.feed_event(received(2, mac=None)) == []
    assert tracker.feed_event(received(3)) == [Milestone("dhcp", 3, Source.WIRE, "DISCOVER")]
    assert tracker.feed_event(received(4)) == []


def test_a_later_dhcp_round_has_a_number():
    tracker = MilestoneTracker(WIRE, MAC)
    events = [received(1), received(2), sent(3, "ACK"), received(4), received(5), sent(6, "ACK")]
    names = [m.name for e in events for m in tracker.feed_event(e)]
    assert names == ["dhcp", "dhcp-ack", "dhcp#2", "dhcp-ack#2"]


def test_rounds_are_bounded():
    tracker = MilestoneTracker(WIRE, MAC)
    names = [m.name for n in range(100) for m in tracker.feed_event(sent(n, "ACK"))]
    assert names == ["dhcp-ack", *(f"dhcp-ack#{n}" for n in range(2, 10))]


def test_a_first_match_in_a_later_round_has_no_number():
    tracker = MilestoneTracker(WIRE, MAC)
    tracker.feed_event(sent(1, "ACK"))
    assert [m.name for m in tracker.feed_event(received(2))] == ["dhcp"]


def test_a_file_is_a_milestone_by_its_name():
    tracker = MilestoneTracker(WIRE, MAC)
    ended = TransferEnded(
        t_ns=9, mac=MAC, transfer="t1", protocol="http", peer="10.99.0.50:1024", name="preseed.cfg",
        size=3, sent=3, duration_ns=1, outcome="complete",
    )  # fmt: skip
    assert [m.name for m in tracker.feed_event(ended)] == ["preseed"]


def chunks(recording: bytes) -> list[tuple[int, bytes]]:
    """Split a recording with `<seconds>` between the chunks."""
    parts = re.split(rb"<(\d+\.\d\d)>", recording)
    return [(int(float(t) * 1e9), data) for t, data in zip(parts[1::2], parts[2::2], strict=True)]


def test_a_real_boot():
    rules = (
        rule("u-boot", r"^U-Boot \d{4}"),
        rule("kernel", r"Booting Linux on physical CPU"),
        rule("init", r"Run /init as init process"),
        rule("ready", r"Configure the keyboard"),
    )
    tracker = MilestoneTracker(rules)
    recording = (DATA / "console-debian-installer.txt").read_bytes().split(b"\n", 1)[1]
    found = [m for t, data in chunks(recording) for m in tracker.feed_console(t, data)]
    assert [(m.name, m.t_ns / 1e9) for m in found] == [
        ("console", 0.0),
        ("u-boot", 0.0),
        ("kernel", 6.57),
        ("init", 9.71),
        ("ready", 67.47),
    ]
