"""The receiver over loopback: each 127.0.0.N is a machine of its own."""

import contextlib
import queue
import socket
import threading
import time
from ipaddress import IPv4Address

import pytest

from pxe.events import LogTrouble
from pxe.net import syslog
from pxe.net.mute import mute
from pxe.net.syslog import LogReceiver
from pxe.net.udp import bind_udp

SECONDS = 60
ANY = IPv4Address("127.0.0.1")


def mac_of(address):
    number = int(address) & 0xFF
    return f"52:54:00:aa:00:{number:02x}" if number < 100 else None


class Rig:
    def __init__(self):
        self.sockets = {name: bind_udp(ANY, 0, name) for name in ("syslog", "netconsole")}
        self.ports = {name: sock.getsockname()[1] for name, sock in self.sockets.items()}
        self.lines, self.events = queue.Queue(), queue.Queue()
        self.receiver = LogReceiver(self.sockets, mac_of, self.take, self.events.put)
        self.thread = threading.Thread(target=self.receiver.serve)
        self.thread.start()

    def take(self, mac, lines, t_ns):
        assert t_ns > 0
        for line in lines:
            self.lines.put((mac[-2:], line.source, line.text))

    def send(self, source, number, *datagrams):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((f"127.0.0.{number}", 0))
            for data in datagrams:
                sock.sendto(data, (str(ANY), self.ports[source]))

    def next_line(self):
        return self.lines.get(timeout=SECONDS)

    def hears(self, text):
        """Whether machine 02 is heard saying it before the receiver has gone on for some seconds."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                if self.lines.get(timeout=0.2) == ("02", "syslog", text):
                    return True
        return False

    def close(self):
        self.receiver.stop()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture
def rig():
    made = Rig()
    yield made
    made.close()


def test_lines_belong_to_the_machine_at_the_address(rig):
    rig.send("syslog", 2, b"<13>Nov 22 11:13:00 liar root: from two")
    assert rig.next_line() == ("02", "syslog", "from two")
    rig.send("netconsole", 3, b"[ 1.0] from", b" three\n")
    assert rig.next_line() == ("03", "netconsole", "[ 1.0] from three")


def test_strangers_are_not_kept_and_said_once(rig, caplog):
    caplog.set_level("INFO")
    rig.send("syslog", 200, b"x", b"y")
    rig.send("syslog", 2, b"mine")
    assert rig.next_line() == ("02", "syslog", "mine")
    assert caplog.text.count("no machine is known at that address") == 1


def test_last_words_without_a_line_end_come_too(rig):
    rig.send("netconsole", 2, b"Kernel panic - not syncing: Attempted to kill init!")
    assert rig.next_line()[2].startswith("Kernel panic")
    event = rig.events.get(timeout=SECONDS)
    assert isinstance(event, LogTrouble)
    assert (event.mac, event.rule, event.fatal) == ("52:54:00:aa:00:02", "kernel-panic", True)


def test_a_flood_takes_nothing_from_others_and_is_told(rig):
    stop = threading.Event()

    def flood():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.66", 0))
            while not stop.is_set():
                sock.sendto(b"<0>x: Kernel panic - not syncing: a lie", (str(ANY), rig.ports["syslog"]))

    flooding = threading.Thread(target=flood)
    flooding.start()
    heard = 0
    try:
        while "lines left out" not in rig.next_line()[2]:
            pass
        for n in range(40):
            rig.send("syslog", 2, b"<13>t: line %d" % n)
            heard += rig.hears(f"line {n}")
    finally:
        stop.set()
        flooding.join()
    assert heard >= 20  # a datagram is lost now and then while the flood is let in to be judged anew
    panics = rig.events.qsize()
    assert 0 < panics <= syslog._TROUBLES[0] + 60


def test_any_bytes_do_not_end_it(rig):
    rig.send("syslog", 2, b"", b"\xff" * 9000, b"<13>1 a b c d e [", b"\n" * 8000)
    rig.send("netconsole", 2, b"", b"6,1,2,-,ncfrag=9/1;x", b"\0" * 9000, b"6,1,2,-;")
    rig.send("netconsole", 3, b"still here\n")
    while rig.next_line() != ("03", "netconsole", "still here"):
        pass


def test_the_kernel_drops_what_is_muted_and_stops_to():
    bad, good = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with bind_udp(ANY, 0, "syslog") as sock, bad, good:
        bad.bind(("127.0.0.9", 0))
        good.bind(("127.0.0.10", 0))
        sock.settimeout(SECONDS)
        mute(sock, [IPv4Address("127.0.0.8"), IPv4Address("127.0.0.9")])
        bad.sendto(b"bad", sock.getsockname())
        good.sendto(b"good", sock.getsockname())
        assert sock.recv(100) == b"good"
        mute(sock, ())
        mute(sock, ())
        bad.sendto(b"again", sock.getsockname())
        assert sock.recv(100) == b"again"
