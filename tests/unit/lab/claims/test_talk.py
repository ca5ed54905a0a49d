"""What a node says by itself, and the filter that leaves our own connection out."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_RS, IPv6
from scapy.layers.l2 import ARP, Ether

from lab.claims.measure.talk import polling
from lab.claims.model import Verdict
from lab.claims.probe import Capture
from lab.claims.probes.api import not_port
from lab.claims.talk import spoken
from pxe.errors import CaptureError

MAC, OTHER = "52:54:00:aa:00:01", "52:54:00:bb:00:02"


def pcap(*packets):
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, 1)
    for packet in packets:
        raw = bytes(packet)
        data += struct.pack("<IIII", 1, 0, len(raw), len(raw)) + raw
    return data


def sent(rest, mac=MAC):
    return Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / rest


def test_frames_of_the_node_are_counted_by_what_they_are():
    data = pcap(
        sent(ARP()),
        sent(IP(dst="10.0.0.1") / UDP(sport=45000, dport=123) / b"x"),
        sent(IP(dst="10.0.0.1") / TCP(sport=45000, dport=443)),
        sent(IPv6() / ICMPv6ND_RS()),
        sent(IP() / ICMP()),
        sent(ARP(), mac=OTHER),
    )
    assert dict(spoken(data, MAC)) == {
        "ARP": 1,
        "UDP 123 (NTP)": 1,
        "TCP 443 (HTTPS)": 1,
        "ICMPv6": 1,
        "ICMP": 1,
    }


@pytest.mark.parametrize(
    ("packet", "verdict"),
    [(IP() / UDP(sport=68, dport=67), Verdict.HOLDS), (IP() / TCP(dport=443), Verdict.PARTLY)],
    ids=["dhcp", "https"],
)
def test_what_keeps_the_link_up_is_no_polling(packet, verdict):
    class Heard:
        def capture(self, seconds):
            return Capture(0.1, pcap(sent(packet)), MAC)

    assert polling(Heard(), 5).verdict is verdict


@given(st.binary(max_size=200))
def test_cut_packets_are_counted_all_the_same(tail):
    data = pcap(bytes.fromhex("ffffffffffff" + MAC.replace(":", "")) + tail)
    assert sum(spoken(data, MAC).values()) <= 1


def test_what_is_no_capture_is_refused():
    with pytest.raises(CaptureError):
        spoken(b"nothing of the kind", MAC)


def run_filter(program, frame):
    """Classic BPF as the kernel runs it: the bytes that are kept."""
    at = accumulator = index = 0
    while True:
        op, jt, jf, k = (program[at].op, program[at].jt, program[at].jf, program[at].k)
        at += 1
        size = {0x28: 2, 0x30: 1, 0x48: 2}.get(op)
        if size is not None:
            place = k + (index if op == 0x48 else 0)
            if place + size > len(frame):
                return 0
            accumulator = int.from_bytes(frame[place : place + size], "big")
        elif op == 0xB1:
            index = 4 * (frame[k] & 15)
        elif op == 0x15:
            at += jt if accumulator == k else jf
        elif op == 0x45:
            at += jt if accumulator & k else jf
        else:
            assert op == 0x06
            return k


@pytest.mark.parametrize(
    ("packet", "kept"),
    [
        (IP() / TCP(sport=50000, dport=1), False),
        (IP() / TCP(sport=1, dport=50000), False),
        (IP(options=b"\x01" * 4) / TCP(sport=1, dport=50000), False),
        (IPv6() / TCP(sport=50000, dport=1), False),
        (IPv6() / TCP(sport=1, dport=50000), False),
        (IP() / TCP(sport=1, dport=2), True),
        (IPv6() / UDP(sport=1, dport=53), True),
        (IP(frag=3) / (b"\xc3\x50" * 20), True),
        (ARP(), True),
    ],
    ids=["from", "to", "options", "from6", "to6", "other", "other6", "fragment", "arp"],
)
def test_the_filter_leaves_out_one_port(packet, kept):
    assert bool(run_filter(not_port(50000), bytes(sent(packet)))) is kept
