"""Our frames against scapy's idea of them."""

import contextlib
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

from pxe.errors import WireError
from pxe.wire.frame import Arp, Datagram, arp_probe, decode_arp, decode_udp, udp_frame

OURS, THEIRS = bytes.fromhex("525400000001"), bytes.fromhex("525400000002")
FROM, TO = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.100")


@given(st.binary(max_size=600))
def test_a_datagram_is_what_scapy_would_send(data):
    frame = udp_frame(data, source=(OURS, FROM, 67), to=(THEIRS, TO, 68))
    ether = (
        Ether(src=OURS, dst=THEIRS) / IP(src=str(FROM), dst=str(TO), id=0) / UDP(sport=67, dport=68) / data
    )
    assert frame == bytes(ether).ljust(60, b"\0")


def test_a_probe_asks_everybody_and_names_no_address_of_ours():
    seen = Ether(arp_probe(OURS, TO))
    assert (seen.dst, seen[ARP].op, seen[ARP].psrc, seen[ARP].pdst) == (
        "ff:ff:ff:ff:ff:ff",
        1,
        "0.0.0.0",
        str(TO),
    )
    assert seen[ARP].hwsrc == "52:54:00:00:00:01"


def test_an_answer_is_understood():
    frame = bytes(Ether() / ARP(op=2, hwsrc="02:00:00:00:00:09", psrc=str(TO)))
    assert decode_arp(frame) == Arp("02:00:00:00:00:09", TO)


@given(st.binary(max_size=100))
def test_noise_is_a_wire_error_or_an_address(noise):
    try:
        decode_arp(noise)
    except WireError:
        return
    assert noise[12:14] == b"\x08\x06"


def test_arp_of_another_network_is_refused():
    with pytest.raises(WireError, match="another network"):
        decode_arp(bytes(Ether() / ARP(hwtype=6)).ljust(60, b"\0"))


@given(st.binary(max_size=600))
def test_a_datagram_is_read_back_as_it_was_sent_and_not_from_a_frame_that_is_cut(data):
    frame = udp_frame(data, source=(OURS, FROM, 67), to=(THEIRS, TO, 68))
    assert decode_udp(frame) == Datagram(OURS.hex(":"), (FROM, 67), (TO, 68), data)
    for size in range(0, 42 + len(data), 7):
        with pytest.raises(WireError):
            decode_udp(frame[:size])


@given(st.binary(max_size=100), st.booleans())
def test_noise_is_a_wire_error_or_a_datagram_within_it(noise, behind_a_header):
    head = OURS + THEIRS + b"\x08\x00\x45" if behind_a_header else b""
    with contextlib.suppress(WireError):
        assert decode_udp(head + noise).data in noise
