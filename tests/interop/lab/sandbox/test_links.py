"""Frames across links of both kinds, spoken by a board made of a few lines of Python and scapy."""

import os
import socket
import subprocess
import sys
import time

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

from lab.errors import SandboxError
from lab.sandbox import Impairment, Sandbox

pytestmark = pytest.mark.interop

SERVER = "10.99.0.1"
MACS = ["52:54:00:aa:00:01", "52:54:00:aa:00:02"]


@pytest.fixture
def sandbox(cache):
    try:
        made = Sandbox.create(kind="packet")
    except SandboxError as exc:
        pytest.skip(str(exc))
    with made:
        yield made


class Station:
    """The far side of a packet link, where QEMU would be."""

    def __init__(self, sandbox, number):
        self.mac, self.ip = MACS[number], f"10.99.0.{11 + number}"
        self.link = sandbox.link(f"board{number}")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(self.link.local))

    def send(self, payload, dst="ff:ff:ff:ff:ff:ff"):
        frame = Ether(src=self.mac, dst=dst) / payload
        self.sock.settimeout(20)  # `frames` leaves a short one; a shim that starts takes a moment
        self.sock.sendto(bytes(frame), str(self.link.remote))

    def frames(self, seconds, wanted):
        """What came that `wanted` likes, within a time or until `b"stop"` was seen."""
        found, deadline = [], time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                frame = Ether(self.sock.recv(65536))
            except TimeoutError:
                break
            if wanted(frame):
                found.append(frame)
        return found

    def burst(self, wanted, quiet=0.5):
        """What came that `wanted` likes: from the first of it, whenever that is, until nothing more comes."""
        found = [self.first(wanted)]
        while more := self.frames(quiet, wanted):
            found += more
        return found

    def first(self, wanted):
        self.sock.settimeout(20)
        while True:
            frame = Ether(self.sock.recv(65536))
            if wanted(frame):
                return frame

    def arp(self, ip):
        self.send(ARP(op="who-has", hwsrc=self.mac, psrc=self.ip, pdst=ip))


@pytest.fixture
def station(sandbox):
    made = Station(sandbox, 0)
    yield made
    made.sock.close()


def is_arp_reply(frame):
    return ARP in frame and frame[ARP].op == 2


def test_arp_and_ping(sandbox, station):
    station.arp(SERVER)
    server = station.first(is_arp_reply)[ARP].hwsrc
    station.send(IP(src=station.ip, dst=SERVER) / ICMP(id=7, seq=1) / b"are you there", dst=server)
    reply = station.first(lambda f: ICMP in f and f[ICMP].type == 0)
    assert bytes(reply[ICMP].payload).rstrip(b"\0") == b"are you there"


def test_only_the_server_answers_for_its_address(sandbox, station):
    """With the far ends in the server's own namespace, the kernel would answer on every one of them."""
    other = Station(sandbox, 1)
    station.arp(SERVER)
    answers = station.frames(1.0, is_arp_reply)
    assert len(answers) == 1
    assert other.frames(0.1, is_arp_reply) == []
    other.sock.close()


def test_the_server_gets_a_broadcast_once(sandbox, station):
    other = Station(sandbox, 1)
    code = (
        "import socket, time\n"
        "s = socket.socket(type=socket.SOCK_DGRAM)\n"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
        "s.bind(('', 67)); print('up', flush=True); s.settimeout(20)\n"
        "while (data := s.recv(100)) != b'last':\n"
        "    print(data.decode(), flush=True)\n"
    )
    server = sandbox.spawn([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"up\n"
    for word in (b"discover", b"last"):
        station.send(IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / word)
    assert server.stdout.read() == b"discover\n"
    assert server.wait(20) == 0
    server.close_streams()
    other.sock.close()


def test_boards_see_each_other(sandbox, station):
    other = Station(sandbox, 1)
    seen = []
    with other.sock:
        for _ in range(40):  # a switch may lose a frame to a port that has just come up
            station.arp(other.ip)
            seen = other.frames(0.5, lambda f: ARP in f and f[ARP].pdst == other.ip)
            if seen:
                break
    assert {frame.src for frame in seen} == {station.mac}


def test_segmentation_offload_ends_before_the_cable(sandbox, station):
    """The TFTP server hands a whole window to the kernel at once; a board must get frames, with sums."""
    code = (
        "import socket\n"
        "s = socket.socket(type=socket.SOCK_DGRAM)\n"
        "s.setsockopt(socket.IPPROTO_UDP, 103, 1472)\n"  # UDP_SEGMENT
        f"s.sendto(b'x' * 1472 * 16, ('{station.ip}', 5000))\n"
    )
    sandbox.run(["ip", "neigh", "replace", station.ip, "lladdr", station.mac, "dev", "br0"], timeout=20)
    done = sandbox.run([sys.executable, "-c", code], timeout=20)
    assert done.stderr == ""
    got = []
    while len(got) < 16:
        got.append(station.first(lambda f: UDP in f and f[UDP].dport == 5000))
    assert {len(frame) for frame in got} == {14 + 20 + 8 + 1472}
    for frame in got:
        sent = frame[UDP].chksum
        del frame[UDP].chksum
        assert sent == Ether(bytes(frame))[UDP].chksum != 0


def test_a_board_that_is_off_does_not_harm_the_link(sandbox, station):
    station.sock.close()  # a power cut
    os.unlink(station.link.local)
    flood = "import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\ns.setsockopt(1, 6, 1)\n"
    flood += "for _ in range(2000): s.sendto(b'x' * 1000, ('10.99.0.255', 9))\n"
    assert sandbox.run([sys.executable, "-c", flood], timeout=60).returncode == 0
    again = Station(sandbox, 0)
    assert again.link == station.link
    again.arp(SERVER)
    assert again.first(is_arp_reply)[ARP].psrc == SERVER
    again.sock.close()


def test_a_frame_that_is_none_does_not_end_the_link(sandbox, station):
    for junk in (b"", b"x", b"y" * 13, b"z" * 60000):
        station.sock.sendto(junk, str(station.link.remote))
    station.arp(SERVER)
    assert station.first(is_arp_reply)[ARP].psrc == SERVER


def test_the_same_name_is_the_same_link(sandbox, station):
    assert sandbox.link("board0") == station.link
    assert sandbox.link("board1").interface != station.link.interface


def test_tap():
    """A process that holds the tap, as QEMU does, gets an answer to its ARP."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("/dev/net/tun cannot be used by this user")
    code = (
        "import fcntl, os, select, struct, sys\n"
        "fd = os.open('/dev/net/tun', os.O_RDWR)\n"
        "fcntl.ioctl(fd, 0x400454CA, struct.pack('16sH22x', sys.argv[1].encode(), 0x1002))\n"
        "while True:\n"
        "    if not select.select([fd], [], [], 0.05)[0]:\n"  # the bridge sees the carrier a moment later
        "        os.write(fd, bytes.fromhex(sys.argv[2]))\n"
        "        continue\n"
        "    frame = os.read(fd, 65536)\n"
        "    if frame[12:14] == b'\\x08\\x06' and frame[21] == 2:\n"
        "        print(frame.hex()); break\n"
    )
    request = Ether(src=MACS[0], dst="ff:ff:ff:ff:ff:ff") / ARP(
        op="who-has", hwsrc=MACS[0], psrc="10.99.0.11", pdst=SERVER
    )
    try:
        made = Sandbox.create(kind="tap")
    except SandboxError as exc:
        pytest.skip(str(exc))
    with made as sandbox:
        link = sandbox.link("qemu1")
        assert link.kind == "tap"
        assert link.netdev_args("n0")[1] == f"tap,id=n0,ifname={link.interface},script=no,downscript=no"
        done = sandbox.run([sys.executable, "-c", code, link.interface, bytes(request).hex()], timeout=30)
    assert done.stderr == ""
    assert Ether(bytes.fromhex(done.stdout))[ARP].psrc == SERVER


def test_a_bad_cable_and_a_good_one_again(sandbox, station):
    """Switched while the board is on: the socket that QEMU sends to stays the same."""
    station.arp(SERVER)
    station.first(is_arp_reply)
    sandbox.impair("board0", Impairment(loss=1))
    station.arp(SERVER)
    assert station.frames(0.5, is_arp_reply) == []
    sandbox.impair("board0", Impairment(duplicate=1))
    station.arp(SERVER)
    assert len(station.burst(is_arp_reply)) == 4, "twice asked, and each answer twice"
    sandbox.impair("board0", Impairment(loss=0.5, seed=3))
    for _ in range(100):
        station.arp(SERVER)
    assert 5 < len(station.burst(is_arp_reply)) < 50
    sandbox.impair("board0", None)
    station.arp(SERVER)
    assert len(station.burst(is_arp_reply)) == 1


IN_USE = """
import fcntl, struct, sys
tap = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", sys.argv[1].encode(), 0x1002))
print("open", flush=True)
sys.stdin.read()
"""


def test_a_tap_can_be_made_a_bad_cable_while_the_board_is_off():
    try:
        with Sandbox.create(kind="auto") as sandbox:
            sandbox.impair("bad", Impairment(loss=0.1))
            assert sandbox.link("bad").kind == "packet"
            tap = sandbox.link("good")
            if tap.kind != "tap":
                return
            words = [sys.executable, "-c", IN_USE, tap.interface]
            board = sandbox.spawn(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert board.stdout.readline() == b"open\n"
            with pytest.raises(SandboxError, match="switch the board off first"):
                sandbox.impair("good", Impairment(loss=0.1))
            sandbox.impair("good", None)
            assert sandbox.link("good") == tap, "a good cable as it is"
            board.stdin.close()
            board.wait(20)
            board.stdout.close()
            sandbox.impair("good", Impairment(loss=0.1))
            assert sandbox.link("good").kind == "packet"
            assert sandbox.link("new").interface not in (tap.interface, sandbox.link("good").interface)
    except SandboxError as exc:
        pytest.skip(str(exc))
