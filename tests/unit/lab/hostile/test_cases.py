"""Hostile cases are the same from the same seed, cover every malformation, and are bytes that fit a frame."""

import random
from ipaddress import IPv4Address
from itertools import islice

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from lab.hostile import dhcp, http, tftp
from lab.hostile.cases import NAMES, Kind, case_of
from lab.hostile.frames import FRAMES
from lab.hostile.segments import stray
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option, decode
from pxe.wire.frame import udp_frame

KINDS = tuple(Kind)
SERVER, CLIENT = IPv4Address("10.99.0.1"), IPv4Address("10.99.0.66")
REQUEST = DhcpPacket(
    op=Op.REQUEST, xid=7, chaddr=b"\x52\x54\0\xaa\0\1", options={Option.MESSAGE_TYPE: bytes([1])}
)


def test_seed_and_number_decide_alone():
    first = [case_of(5, n, KINDS) for n in range(200)]
    assert first == [case_of(5, n, KINDS) for n in range(200)]
    assert [c.rng.random() for c in first] == [c.rng.random() for c in first]
    assert first != [case_of(6, n, KINDS) for n in range(200)]
    assert len({c.rng.random() for c in first}) == 200


@pytest.mark.parametrize("kind", KINDS)
def test_each_malformation_comes_once_before_any_comes_twice(kind):
    names = [case_of(1, n, (kind,)).name for n in range(len(NAMES[kind]))]
    assert sorted(names) == sorted(NAMES[kind])


def test_the_answer_that_is_made_wrong_is_right():
    packet = decode(dhcp.valid(REQUEST, SERVER, CLIENT, dhcp.OFFER).encode())
    assert packet.message_type is MessageType.OFFER
    assert (packet.yiaddr, packet.siaddr, packet.xid) == (CLIENT, SERVER, 7)
    assert packet.options[67] == b"hostile.img"


@pytest.mark.parametrize("name", sorted(dhcp.MALFORMED))
def test_dhcp_malformations_are_wrong_reproducible_and_fit_a_frame(name):
    right = dhcp.valid(REQUEST, SERVER, CLIENT, dhcp.OFFER).encode()
    for seed in range(60):
        made = [
            dhcp.malformed(name, dhcp.valid(REQUEST, SERVER, CLIENT, dhcp.OFFER), random.Random(seed))
            for _ in range(2)
        ]
        assert made[0] == made[1] != right
        assert len(made[0]) <= 1472


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_frames_lie_and_are_reproducible(name):
    frame = udp_frame(b"x" * 300, source=(b"\2" * 6, SERVER, 67), to=(b"\4" * 6, CLIENT, 68))
    for seed in range(60):
        made = [FRAMES[name](frame, random.Random(seed)) for _ in range(2)]
        assert made[0] == made[1] != frame
        assert made[0][:12] == frame[:12]


def test_stray_segments_have_right_checksums():
    for seed in range(50):
        frame = stray(random.Random(seed), (b"\2" * 6, SERVER), (b"\4" * 6, CLIENT))
        packet = Ether(frame)
        again = Ether(bytes(frame))
        del again[TCP].chksum, again[IP].chksum
        assert bytes(again) == bytes(packet) == frame
        assert (packet[TCP].sport, packet[IP].dst) == (80, str(CLIENT))


def client(peer, rounds):
    """A client that acknowledges whatever block it is sent; the datagrams that it got."""
    out = peer.send(b"\0\1hostile\0octet\0blksize\x001468\0")
    got = list(out)
    for _ in range(rounds):
        numbers = [p[2:4] for _, p in out if p[:2] == b"\0\3" and len(p) >= 4]
        try:
            out = peer.send(b"\0\4" + (numbers[-1] if numbers else b"\0\0"))
        except StopIteration:
            break
        got += out
    return got


@pytest.mark.parametrize("name", sorted(tftp.MALFORMED))
def test_tftp_malformations_are_reproducible_and_fit_a_frame(name):
    for seed in range(20):
        first = client(tftp.malformed(name, random.Random(seed)), 50)
        assert first == client(tftp.malformed(name, random.Random(seed)), 50)
        assert first
        assert all(len(packet) <= 1476 for _, packet in first)


def test_a_server_without_fault_serves():
    content = bytes(range(256)) * 20
    blocks = [p[4:] for _, p in client(tftp.sane(content), 4) if p[:2] == b"\0\3"]
    assert b"".join(blocks) == content
    whole = client(tftp.sane(b"x" * 1468), 2)
    assert [len(p) - 4 for _, p in whole if p[:2] == b"\0\3"] == [1468, 0]


@pytest.mark.parametrize("name", sorted(http.MALFORMED))
def test_http_malformations_are_reproducible_and_bounded(name):
    for seed in range(30):
        answer = http.malformed(name, random.Random(seed))
        assert answer == http.malformed(name, random.Random(seed))
        assert sum(map(len, answer.pieces)) < 4_000_000
        assert len(list(islice(answer.pieces, 200))) * answer.pause < 10
