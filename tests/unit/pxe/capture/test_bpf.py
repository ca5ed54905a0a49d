"""The kernel itself runs the filter: on a pair of Unix sockets, which needs no right at all."""

import socket

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

from pxe.capture.bpf import CUT, WHOLE, as_sock_fprog, program

MINE, OTHER, SERVER = "52:54:00:aa:00:01", "52:54:00:aa:00:02", "02:00:00:00:00:01"
SO_ATTACH_FILTER = 26


def kept(frame, mac=None):
    """How much of a frame comes through; 0: none."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        fprog, _alive = as_sock_fprog(program(mac))
        theirs.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)
        theirs.setblocking(False)
        ours.send(bytes(frame))
        try:
            return len(theirs.recv(65536))
        except BlockingIOError:
            return 0


def udp(src, dst, sport, dport, size, options=b""):
    ip = IP(src="10.0.0.1", dst="10.0.0.2", options=options)
    return Ether(src=src, dst=dst) / ip / UDP(sport=sport, dport=dport) / bytes(size)


@pytest.mark.parametrize(
    ("src", "dst", "through"),
    [
        (MINE, SERVER, True),
        (SERVER, MINE, True),
        (SERVER, "ff:ff:ff:ff:ff:ff", True),
        (SERVER, "01:00:5e:00:00:01", True),
        (OTHER, SERVER, False),
        (SERVER, OTHER, False),
        ("52:54:ff:aa:00:01", SERVER, False),  # differs in the high half alone
        (SERVER, "52:54:00:aa:00:03", False),
    ],
)
def test_frames_of_one_machine(src, dst, through):
    frame = udp(src, dst, 1000, 2000, 40)
    assert kept(frame, MINE) == (len(frame) if through else 0)
    assert kept(frame) == len(frame)


@pytest.mark.parametrize("size", [0, 4, 300, WHOLE - 42])
def test_short_frames_are_whole(size):
    frame = udp(SERVER, MINE, 40000, 2000, size)
    assert kept(frame, MINE) == len(frame)


@pytest.mark.parametrize("size", [WHOLE - 41, 1472])
def test_of_a_files_bytes_only_the_headers_are_kept(size):
    assert kept(udp(SERVER, MINE, 40000, 2000, size), MINE) == CUT
    assert kept(Ether(src=SERVER, dst=MINE) / IP() / TCP(sport=80) / bytes(size), MINE) == CUT


@pytest.mark.parametrize("port", [67, 68, 4011])
@pytest.mark.parametrize("options", [b"", b"\x94\x04\0\0"])
def test_dhcp_is_kept_whole_however_long(port, options):
    frame = udp(SERVER, MINE, port, 68, 1000, options)
    assert kept(frame, MINE) == len(frame)


def test_what_is_no_ip_and_what_is_cut_off_harms_nothing():
    assert kept(Ether(src=MINE, dst=SERVER, type=0x86DD) / bytes(1000), MINE) == CUT
    arp = Ether(src=MINE, dst="ff:ff:ff:ff:ff:ff") / ARP()
    assert kept(arp, MINE) == len(arp)
    assert kept(b"\x02", MINE) == 0
