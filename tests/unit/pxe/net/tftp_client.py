"""A TFTP client that can misbehave, and a server in a thread: for all tests of the engine on loopback."""

import contextlib
import queue
import random
import socket
import struct
import threading
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from pxe.net.tftp import TftpServer, bind_tftp

RRQ, WRQ, DATA, ACK, ERROR, OACK = 1, 2, 3, 4, 5, 6


@dataclass
class Faults:
    """What a client's network does; `chance` decides for each datagram."""

    lose: float = 0.0
    double: float = 0.0
    swap: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def hits(self, share):
        return self.chance.random() < share


class TftpError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


class Client:
    """A client by RFC 1350, 2347, 7440; repeats itself after `patience` seconds."""

    def __init__(self, server, *, address="127.0.0.1", faults=None, patience=0.3):
        self.server, self.faults, self.patience = server, faults or Faults(), patience
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind((address, 0))
        self.tid = None
        self.held = []
        self.options = {}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def ask(self, name, mode="octet", *, opcode=RRQ, **options):
        fields = [name if isinstance(name, bytes) else name.encode(), mode.encode()]
        for key, value in options.items():
            fields += [key.encode(), str(value).encode()]
        self.request = struct.pack("!H", opcode) + b"\0".join(fields) + b"\0"
        self.blksize, self.window = 512, 1
        self.sock.sendto(self.request, self.server)

    def send(self, opcode, number, tail=b""):
        for _ in range(1 + self.faults.hits(self.faults.double)):
            self.sock.sendto(struct.pack("!HH", opcode, number & 0xFFFF) + tail, self.tid)

    def receive(self):
        """The next datagram as (opcode, number, rest), None after `patience` seconds."""
        self.sock.settimeout(self.patience)
        while True:
            try:
                data, peer = self.held.pop() if self.held else self.sock.recvfrom(70_000)
            except TimeoutError:
                return None
            if self.tid is None:
                self.tid = peer
            if peer != self.tid or self.faults.hits(self.faults.lose):
                continue
            if not self.held and self.faults.hits(self.faults.swap):
                self.sock.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    later = self.sock.recvfrom(70_000)
                    self.held = [(data, peer)]
                    data = later[0]
                self.sock.settimeout(self.patience)
            return struct.unpack_from("!H", data)[0], struct.unpack_from("!H", data, 2)[0], data

    def fetch(self, name, mode="octet", **options):
        self.ask(name, mode, **options)
        got, expected, in_window, silent, nacked = [], 1, 0, 0, False
        while silent < 60:
            packet = self.receive()
            if packet is None:
                silent += 1
                self.sock.sendto(self.request, self.server) if self.tid is None else self.send(
                    ACK, expected - 1
                )
                in_window = 0
                continue
            silent = 0
            opcode, number, data = packet
            if opcode == ERROR:
                raise TftpError(number, data[4:-1].decode())
            if opcode == OACK:
                self._take_options(data)
                self.send(ACK, 0)
            elif number == expected & 0xFFFF:
                got.append(data[4:])
                expected, in_window, nacked = expected + 1, in_window + 1, False
                last = len(data) - 4 < self.blksize
                if last or in_window >= self.window:
                    self.send(ACK, expected - 1)
                    in_window = 0
                if last:
                    return b"".join(got)
            elif not nacked:
                nacked, in_window = True, 0
                self.send(ACK, expected - 1)
        raise TimeoutError(f"{name}: silent at block {expected}")

    def put(self, name, content, mode="octet", **options):
        """Write a file; in windows where the server grants them."""
        self.ask(name, mode, opcode=WRQ, **options)
        acked, silent, last = -1, 0, None
        while silent < 60 and acked != last:
            packet = self.receive()
            silent = silent + 1 if packet is None else 0
            if packet is None and self.tid is None:
                self.sock.sendto(self.request, self.server)
                continue
            if packet is not None:
                opcode, number, data = packet
                if opcode == ERROR:
                    raise TftpError(number, data[4:-1].decode())
                if opcode == OACK:
                    self._take_options(data)
                    number = 0
                if acked >= 0 and not 0 < (number - acked) & 0xFFFF <= self.window:
                    continue
                acked += (number - acked) & 0xFFFF if acked >= 0 else 1
            last = len(content) // self.blksize + 1
            for block in range(acked + 1, min(acked + self.window, last) + 1):
                self.send(DATA, block, content[(block - 1) * self.blksize : block * self.blksize])
        if acked != last:
            raise TimeoutError(f"{name}: silent at block {acked}")

    def _take_options(self, data):
        fields = data[2:-1].split(b"\0")
        self.options = {fields[i].decode().lower(): int(fields[i + 1]) for i in range(0, len(fields), 2)}
        self.blksize = self.options.get("blksize", 512)
        self.window = self.options.get("windowsize", 1)


class Service:
    """A server in a thread, and its events."""

    def __init__(self, resolve, listen="127.0.0.1", **options):
        self.events = queue.Queue()
        self.server = TftpServer(bind_tftp(IPv4Address(listen), 0), resolve, self.events.put, **options)
        self.address = ("127.0.0.1", self.server.address[1])
        self.thread = threading.Thread(target=self.server.serve)
        self.thread.start()

    def stop(self):
        self.server.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def wait_for(self, kind):
        while True:
            event = self.events.get(timeout=20)
            if isinstance(event, kind):
                return event
