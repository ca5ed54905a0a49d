import itertools

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from lab.sandbox.impairment import Impairment
from lab.sandbox.lossy import fault_of_words
from lab.sandbox.serverfault import FaultyWire, ServerFault

OTHER = bytes(Ether() / ARP())


def block(number: int, data: bytes = b"x" * 100, port: int = 40000) -> bytes:
    words = b"\0\3" + number.to_bytes(2, "big")
    return bytes(Ether() / IP() / UDP(sport=port, dport=2000) / Raw(words + data))


def segment(offset: int, data: bytes = b"x" * 100, port: int = 80) -> bytes:
    return bytes(Ether() / IP() / TCP(sport=port, dport=3000, seq=1000 + offset, flags="A") / Raw(data))


def out(wire: FaultyWire, frames: list[bytes], at: float = 0.0) -> list[bytes]:
    for frame in frames:
        wire.put(frame, at)
    return wire.take(at)


def test_stalled_stops_each_download_there_and_nothing_else():
    wire = FaultyWire(ServerFault(fault="stalled", after=250))
    sent = [block(n) for n in (1, 2, 3, 4, 3)]
    assert out(wire, [*sent, OTHER]) == [*sent[:2], OTHER]
    again = [block(n, port=40001) for n in (1, 2, 3)]
    assert out(wire, again) == again[:2]


def test_so_many_downloads_are_struck_and_the_next_is_not():
    wire = FaultyWire(ServerFault(fault="stalled", after=100, times=1))
    assert out(wire, [block(1), block(2)]) == [block(1)]
    other = [block(n, port=40001) for n in (1, 2, 3)]
    assert out(wire, other) == other
    assert out(wire, [block(2)]) == []  # the one that was struck stays so


def test_a_download_that_is_too_short_is_not_struck():
    wire = FaultyWire(ServerFault(fault="stalled", after=100, times=1))
    assert out(wire, [block(1)]) == [block(1)]
    assert out(wire, [block(1, port=40001), block(2, port=40001)]) == [block(1, port=40001)]


def test_corrupt_changes_the_same_byte_each_time_it_is_sent():
    wire = FaultyWire(ServerFault(fault="corrupt", protocol="http", after=150))
    first, second, third = segment(0), segment(100), segment(200)
    got = out(wire, [first, second, third, second])
    assert (got[0], got[2]) == (first, third)
    assert got[1] == got[3] != second
    assert [n for n, (a, b) in enumerate(zip(got[1][-100:], second[-100:], strict=True)) if a != b] == [50]


def test_vanishing_is_silence_for_everybody_and_ends():
    wire = FaultyWire(ServerFault(fault="vanishing", after=250, seconds=5, times=1))
    frames = [block(1), block(2), OTHER, block(3), OTHER]
    assert out(wire, frames) == frames[:3]
    assert out(wire, [OTHER, block(3)], 4.9) == []
    assert out(wire, [OTHER, *frames], 5.0) == [OTHER, *frames]


def test_it_vanishes_for_ever():
    wire = FaultyWire(ServerFault(fault="vanishing"))
    assert out(wire, [OTHER, block(1), OTHER]) == [OTHER]
    assert out(wire, [OTHER], 1e9) == []


def test_slow_keeps_the_rate_and_the_order():
    wire = FaultyWire(ServerFault(fault="slow", rate=1000))
    frames = [block(1), OTHER, block(2), block(3)]
    assert out(wire, frames) == []
    times = []
    while (at := wire.next_at()) is not None:
        times.append((at, wire.take(at)))
    assert [at for at, _ in times] == pytest.approx([0.1, 0.2, 0.3])
    assert list(itertools.chain(*(got for _, got in times))) == frames


def test_a_slow_line_does_not_queue_without_end():
    wire = FaultyWire(ServerFault(fault="slow", rate=100))
    out(wire, [block(n) for n in range(1, 100)])
    got = []
    while (at := wire.next_at()) is not None:
        got += wire.take(at)
    assert got == [block(n) for n in (1, 2, 3)]


def test_the_line_is_free_again_after_a_while():
    wire = FaultyWire(ServerFault(fault="slow", rate=1000))
    out(wire, [block(1)])
    assert wire.take(5.0) == [block(1)]
    wire.put(OTHER, 10.0)
    assert wire.next_at() == 10.0


@pytest.mark.parametrize("protocol", ["tftp", "http"])
def test_the_other_protocol_is_left_alone(protocol):
    wire = FaultyWire(ServerFault(fault="stalled", protocol=protocol))
    frames = [block(1)] if protocol == "http" else [segment(0)]
    assert out(wire, frames) == frames


@pytest.mark.parametrize(
    "wrong",
    [
        {"fault": "gone"},
        {"fault": "slow"},
        {"fault": "stalled", "rate": 5},
        {"fault": "stalled", "after": -1},
        {"fault": "stalled", "protocol": "ftp"},
        {"fault": "stalled", "port": 0},
    ],
)
def test_refused(wrong):
    with pytest.raises(ValueError, match=r"is|are"):
        ServerFault(**wrong)


@pytest.mark.parametrize(
    "fault",
    [
        ServerFault(fault="slow", protocol="http", rate=5, port=8080),
        ServerFault(fault="vanishing", after=7, seconds=2.5, times=3),
        Impairment(loss=0.25, seed=9),
    ],
    ids=["slow", "vanishing", "cable"],
)
def test_words(fault):
    assert fault_of_words(fault.to_words()) == fault
