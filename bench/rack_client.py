"""A rack of simulated machines: each gets an address by DHCP, a loader by TFTP, script and kernel by HTTP.

    python -m bench.rack_client < settings.json

One process, one thread: machines are generators that say what they wait for. Runs in a network namespace of
its own, puts each leased address on its card and sends from it. The length of each file is
compared; contents are what bench.http and bench.tftp compare. Prints one JSON object.
"""

import heapq
import json
import random
import select
import socket
import statistics
import struct
import sys
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from bench.rack_card import CARD, Card
from pxe.net.udp import enlarge

MAGIC = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
NAMES = {DISCOVER: "DISCOVER", REQUEST: "REQUEST"}
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds, as firmware repeats itself
Wait = tuple[socket.socket | None, int, float]  # socket (None: the DHCP one), event, seconds
Steps = Generator[Wait, bool, None]  # is sent whether what it waited for came in time


class Failed(Exception):
    """This machine does not start; the message says why."""


@dataclass
class Machine:
    number: int
    mac: bytes
    xid: int
    inbox: list[bytes] = field(default_factory=list)
    address: str = ""
    server: str = ""
    bootfile: str = ""
    repeats: Counter[str] = field(default_factory=Counter)  # by what was repeated
    ended: float = 0.0
    failure: str = ""


class Rack:
    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.card = Card(settings["interface"], settings["server"], settings["server_mac"])
        self.dhcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.dhcp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, CARD.encode())
        self.dhcp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        enlarge(self.dhcp, 4 << 20)
        self.dhcp.bind(("0.0.0.0", 68))
        self.dhcp.setblocking(False)
        chance = random.Random(settings["seed"])
        self.machines = [
            Machine(n, bytes.fromhex(f"5254{n:08x}"), chance.getrandbits(32))
            for n in range(1, settings["machines"] + 1)
        ]
        self.by_xid = {machine.xid: machine for machine in self.machines}
        self.poll = select.epoll()
        self.buffer = bytearray(1 << 20)
        self.running: dict[int, Steps] = {}
        self.by_number = {machine.number: machine for machine in self.machines}
        self.waiting: dict[int, tuple[int, int]] = {}  # machine -> its descriptor, its ticket
        self.by_fd: dict[int, int] = {}
        self.alarms: list[tuple[float, int, int]] = []
        self.ticket = 0

    def run(self) -> dict[str, Any]:
        self.poll.register(self.dhcp, select.EPOLLIN)
        self.poll.register(self.card, select.EPOLLIN)
        began = time.monotonic()
        for machine in self.machines:
            self.running[machine.number] = self.boot(machine)
            self.step(machine, None)
        while self.running and time.monotonic() - began < self.settings["deadline"]:
            self.turn()
        for number in self.running:
            self.by_number[number].failure = "not up when the time was over"
        up = sorted(m.ended - began for m in self.machines if not m.failure)
        return {
            "seconds": max(m.ended for m in self.machines) - began,
            "up": len(up),
            "failed": [f"{m.number}: {m.failure}" for m in self.machines if m.failure][:5],
            "median": statistics.median(up) if up else None,
            "repeats": sum((m.repeats for m in self.machines), Counter()),
        }

    def turn(self) -> None:
        wait = min(max(self.alarms[0][0] - time.monotonic(), 0.0), 1.0) if self.alarms else 1.0
        for fd, _ in self.poll.poll(wait):
            if fd == self.dhcp.fileno():
                self.take_dhcp()
            elif fd == self.card.fileno():
                self.card.answer_arp()
            elif fd in self.by_fd:
                self.step(self.by_number[self.by_fd[fd]], True)
        now = time.monotonic()
        while self.alarms and self.alarms[0][0] <= now:
            _, number, ticket = heapq.heappop(self.alarms)
            if number in self.running and self.waiting.get(number, (0, 0))[1] == ticket:
                self.step(self.by_number[number], False)

    def take_dhcp(self) -> None:
        while True:
            try:
                data = self.dhcp.recv(4096)
            except BlockingIOError:
                return
            if len(data) > 240 and data[0] == 2:
                machine = self.by_xid.get(struct.unpack_from("!I", data, 4)[0])
                if machine is not None and machine.number in self.running and not machine.address:
                    machine.inbox.append(data)
                    self.step(machine, True)

    def step(self, machine: Machine, came: bool | None) -> None:
        steps = self.running[machine.number]
        fd, _ = self.waiting.pop(machine.number, (-1, 0))
        if fd >= 0 and self.by_fd.pop(fd, None) is not None:
            self.poll.unregister(fd)
        try:
            sock, event, seconds = next(steps) if came is None else steps.send(came)
        except (StopIteration, Failed, OSError) as exc:
            machine.failure = "" if isinstance(exc, StopIteration) else str(exc)
            machine.ended = time.monotonic()
            del self.running[machine.number]
            return
        self.ticket += 1
        fd = -1 if sock is None else sock.fileno()
        self.waiting[machine.number] = (fd, self.ticket)
        if sock is not None:
            self.by_fd[fd] = machine.number
            self.poll.register(fd, event)
        heapq.heappush(self.alarms, (time.monotonic() + seconds, machine.number, self.ticket))

    def boot(self, machine: Machine) -> Steps:
        yield from self.lease(machine)
        self.card.add(machine.address, machine.mac)
        way, files = self.settings["way"], self.settings["files"]
        yield from self.tftp(machine, machine.bootfile, files["loader"])
        get = self.http if way == "http" else self.tftp
        yield from get(machine, self.settings["script"], None)
        yield from get(machine, self.settings["kernel"], files["kernel"])

    def lease(self, machine: Machine) -> Steps:
        offer = yield from self.ask(machine, DISCOVER, OFFER, b"")
        wanted = b"\x32\x04" + offer[16:20] + b"\x36\x04" + option(offer, 54)
        ack = yield from self.ask(machine, REQUEST, ACK, wanted)
        machine.address = str(IPv4Address(ack[16:20]))
        machine.server = str(IPv4Address(ack[20:24]))
        name = option(ack, 67) or ack[108:236].partition(b"\0")[0]
        machine.bootfile = name.rstrip(b"\0").decode()
        if not machine.bootfile:
            raise Failed("DHCP names no boot file")

    def ask(self, machine: Machine, kind: int, wanted: int, options: bytes) -> Generator[Wait, bool, bytes]:
        head = struct.pack("!BBBBIHH", 1, 1, 6, 0, machine.xid, 0, 0x8000) + bytes(16)
        head += machine.mac + bytes(10) + bytes(192) + MAGIC
        vendor = b"PXEClient:Arch:00007:UNDI:003016"
        body = bytes([53, 1, kind]) + options + bytes([60, len(vendor)]) + vendor
        body += (
            b"\x5d\x02\x00\x07\x5e\x03\x01\x03\x10\x39\x02\x05\xc0"  # arch 7, UNDI 3.16, at most 1472 bytes
        )
        body += b"\x37\x08\x01\x03\x06\x0d\x36\x42\x43\x2b\xff"
        for seconds in WAITS:
            self.dhcp.sendto(head + body, ("255.255.255.255", 67))
            while (yield None, 0, seconds):
                answer = machine.inbox.pop(0)
                if option(answer, 53) == bytes([wanted]):
                    return answer
            machine.repeats[NAMES[kind]] += 1
        raise Failed(f"no answer to DHCP {NAMES[kind]}")

    def tftp(self, machine: Machine, name: str, size: int | None) -> Steps:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        try:
            sock.bind((machine.address, 0))
            yield from self.transfer(machine, sock, name, size)
        finally:
            sock.close()

    # one screen of TFTP client: splitting it would hide the order of things
    def transfer(self, machine: Machine, sock: socket.socket, name: str, size: int | None) -> Steps:  # noqa: C901
        options = f"blksize\0001468\0tsize\0000\0windowsize\0{self.settings['windowsize']}\0"
        message = b"\0\1" + name.encode() + b"\0octet\0" + options.encode()
        peer: Any = (machine.server, 69)
        got, block, window, blksize, since, tries = 0, 0, 1, 512, 0, 0
        sock.sendto(message, peer)
        while True:
            if not (yield sock, select.EPOLLIN, WAITS[tries]):
                tries += 1
                machine.repeats[f"TFTP {'DATA' if got else 'RRQ'}"] += 1
                if tries == len(WAITS):
                    raise Failed(f"TFTP {name}: silence after {got} bytes")
                sock.sendto(message, peer)
                continue
            while True:
                try:
                    count, sender = sock.recvfrom_into(self.buffer)
                except BlockingIOError:
                    break
                tries = 0
                kind, number = struct.unpack_from("!HH", self.buffer)
                if kind == 5:
                    raise Failed(f"TFTP {name}: {bytes(self.buffer[4:count])!r}")
                if kind == 6:
                    words = bytes(self.buffer[2:count]).lower().split(b"\0")
                    told = dict(zip(words[::2], words[1::2], strict=False))
                    blksize, window = int(told.get(b"blksize", 512)), int(told.get(b"windowsize", 1))
                    peer, message = sender, b"\0\4\0\0"
                    sock.sendto(message, peer)
                    continue
                if kind != 3 or number != (block + 1) & 0xFFFF:
                    continue
                peer, block, since, got = sender, block + 1, since + 1, got + count - 4
                last = count - 4 < blksize
                if last or since == window:
                    message, since = struct.pack("!HH", 4, number), 0
                    sock.sendto(message, peer)
                if last:
                    if size is not None and got != size:
                        raise Failed(f"TFTP {name}: {got} bytes, not {size}")
                    return

    def http(self, machine: Machine, name: str, size: int | None) -> Steps:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.bind((machine.address, 0))
            sock.connect_ex((machine.server, 80))
            if not (yield sock, select.EPOLLOUT, 30.0):
                raise Failed("HTTP: no connection")
            request = f"GET /{name} HTTP/1.1\r\nHost: {machine.server}\r\nConnection: close\r\n\r\n"
            sock.send(request.encode())
            yield from self.read(sock, name, size)
        finally:
            sock.close()

    def read(self, sock: socket.socket, name: str, size: int | None) -> Steps:
        head, left = b"", -1
        while left:
            if not (yield sock, select.EPOLLIN, 60.0):
                raise Failed(f"HTTP {name}: stalled with {left} bytes to come")
            count = sock.recv_into(self.buffer)
            if not count:
                raise Failed(f"HTTP {name}: cut off with {left} bytes to come")
            if left < 0:
                head += self.buffer[:count]
                top, end, body = head.partition(b"\r\n\r\n")
                if not end:
                    continue
                if b" 200 " not in top.partition(b"\r\n")[0]:
                    raise Failed(f"HTTP {name}: {top[:60]!r}")
                length = int(top.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                if size is not None and length != size:
                    raise Failed(f"HTTP {name}: {length} bytes, not {size}")
                left, count = length, len(body)
            left -= count


def option(message: bytes, wanted: int) -> bytes:
    at = 240
    while at + 1 < len(message) and message[at] != 255:
        if message[at] == 0:
            at += 1
            continue
        if message[at] == wanted:
            return message[at + 2 : at + 2 + message[at + 1]]
        at += 2 + message[at + 1]
    return b""


def main() -> None:
    settings = json.load(sys.stdin)
    print(json.dumps(Rack(settings).run()))


if __name__ == "__main__":
    main()
