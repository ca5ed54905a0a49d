"""The sockets of simulated machines: one thread, one epoll, one card for hundreds of them.

DHCP goes in raw frames, each from the MAC of its machine: it has no address yet, and an answer may be sent to
one that is nobody's. TFTP and HTTP go through the kernel, from the address that the machine was given.
Everything happens in the network namespace that the process is in, which should be one of its own.
"""

import contextlib
import heapq
import resource
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from lab.testing.firmware.card import CARD, Card
from lab.testing.firmware.http import Connection
from lab.testing.firmware.machine import BINL, CLIENT, EVERYBODY, SERVER, Datagram, HttpRequest, Machine
from pxe.capture.bpf import as_sock_fprog
from pxe.net.udp import enlarge
from pxe.wire.frame import udp_frame

_ETH_P_IP: Final = 0x0800
_SO_ATTACH_FILTER: Final = 26
_BUFFER: Final = 1 << 20
_BURST: Final = 64  # datagrams of one machine before others get their turn
_DHCP_PORTS: Final = (CLIENT, BINL, SERVER)  # 67: a relay's
# IPv4, UDP, to one of those: everything else that comes is the kernel's
_FILTER: Final = b"".join(
    struct.pack("=HBBI", *line)
    for line in (
        (0x28, 0, 0, 12), (0x15, 0, 8, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 6, 17), (0xB1, 0, 0, 14),
        (0x48, 0, 0, 16), (0x15, 2, 0, CLIENT), (0x15, 1, 0, SERVER), (0x15, 0, 1, BINL),
        (6, 0, 0, 0x40000), (6, 0, 0, 0),
    )
)  # fmt: skip


@dataclass(slots=True)
class _Port:
    """A machine's own UDP port, for TFTP."""

    machine: Machine
    sock: socket.socket
    number: int


class Network:
    """Runs machines on a card above `interface`. `watch` is called after whatever happened to a machine."""

    def __init__(self, interface: str, watch: Callable[[Machine], None] = lambda _: None) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.card = Card(interface)
        self._watch = watch
        self._raw = _raw_socket()
        # Without a socket at these ports the kernel would answer "port unreachable" for the machines
        self._sinks = [_sink(port) for port in _DHCP_PORTS]
        self._machines: dict[str, Machine] = {}
        self._running: set[str] = set()
        self._macs: dict[str, bytes] = {}  # of the servers that spoke to us
        self._at: dict[str, str] = {}  # MAC -> the address that its machine has on the card
        self._ports: dict[int, _Port] = {}
        self._numbers: dict[tuple[str, int], _Port] = {}
        self._connections: dict[int, Connection] = {}
        self._of: dict[str, Connection] = {}
        self._alarms: list[tuple[float, str]] = []
        self._set: dict[str, float] = {}
        self._poll = select.epoll()
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        for sock in (self._raw, self.card):
            self._poll.register(sock, select.EPOLLIN)

    def start(self, machine: Machine) -> None:
        """Switch a machine on."""
        self._machines[machine.mac] = machine
        self._running.add(machine.mac)
        machine.start(time.monotonic())
        self._serve(machine)

    def run(self, machines: Iterable[Machine], seconds: float) -> None:
        """Switch all of them on and let them boot, for so long at most."""
        for machine in machines:
            self.start(machine)
            self.turn(0.0)
        until = time.monotonic() + seconds
        while self._running and (left := until - time.monotonic()) > 0:
            self.turn(min(left, 1.0))

    @property
    def running(self) -> int:
        """How many machines are still at it."""
        return len(self._running)

    def turn(self, wait: float) -> None:
        """Take what has come; wait for it so long at most."""
        if self._alarms:
            wait = min(wait, max(self._alarms[0][0] - time.monotonic(), 0.0))
        for fd, _ in self._poll.poll(wait):
            if fd == self._raw.fileno():
                self._take_dhcp()
            elif fd == self.card.fileno():
                self.card.answer_arp()
            elif fd in self._ports:
                self._take_tftp(self._ports[fd])
            elif fd in self._connections:
                self._take_http(self._connections[fd])
        self._ring()

    def close(self) -> None:
        """Give all sockets back."""
        for port in list(self._ports.values()):
            self._close_port(port)
        for connection in self._connections.values():
            connection.close()
        for sock in (self._raw, *self._sinks):
            sock.close()
        self.card.close()
        self._poll.close()

    def _ring(self) -> None:
        now = time.monotonic()
        while self._alarms and self._alarms[0][0] <= now:
            at, mac = heapq.heappop(self._alarms)
            if self._set.get(mac) == at:
                del self._set[mac]
                self._machines[mac].handle_timer(now)
                self._serve(self._machines[mac])

    def _serve(self, machine: Machine) -> None:
        """Do what a machine wants after something happened to it."""
        if machine.address and self._at.get(machine.mac) != machine.address:
            self._at[machine.mac] = machine.address
            self.card.add(machine.address, bytes.fromhex(machine.mac.replace(":", "")), machine.prefix)
        for datagram in machine.datagrams_to_send():
            self._send(machine, datagram)
        for request in machine.requests_to_send():
            self._ask(machine, request)
        while machine.closed_ports:
            port = self._numbers.get((machine.mac, machine.closed_ports.pop()))
            if port is not None:
                self._close_port(port)
        self._set_alarm(machine)
        if machine.over and machine.mac in self._running:
            self._running.discard(machine.mac)
            self._hang_up(machine)
        self._watch(machine)

    def _set_alarm(self, machine: Machine) -> None:
        """One alarm for each machine: one that rings too early finds the later time, and is set anew."""
        at = machine.get_timer()
        if at is not None and not self._set.get(machine.mac, at + 1) <= at:
            self._set[machine.mac] = at
            heapq.heappush(self._alarms, (at, machine.mac))

    def _send(self, machine: Machine, datagram: Datagram) -> None:
        server, port = datagram.peer
        if datagram.port in _DHCP_PORTS:
            own = bytes.fromhex(machine.mac.replace(":", ""))
            mac = b"\xff" * 6 if server == EVERYBODY else self._macs.get(server, b"\xff" * 6)
            # From its address once it has one and speaks to one server: before that it is nobody
            address = IPv4Address(machine.address if server != EVERYBODY and machine.address else 0)
            frame = udp_frame(
                datagram.data,
                source=(own, address, datagram.port),
                to=(mac, IPv4Address(server), port),
            )
            self._raw.send(frame)
            return
        found = self._numbers.get((machine.mac, datagram.port)) or self._open_port(machine, datagram.port)
        with contextlib.suppress(OSError):  # lost, as on any wire
            found.sock.sendto(datagram.data, datagram.peer)

    def _open_port(self, machine: Machine, number: int) -> _Port:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((machine.address, number))
        port = _Port(machine, sock, number)
        self._ports[sock.fileno()] = self._numbers[machine.mac, number] = port
        self._poll.register(sock, select.EPOLLIN)
        return port

    def _close_port(self, port: _Port) -> None:
        self._poll.unregister(port.sock)
        del self._ports[port.sock.fileno()], self._numbers[port.machine.mac, port.number]
        port.sock.close()

    def _take_dhcp(self) -> None:
        while True:
            try:
                frame = self._raw.recv(4096)
            except BlockingIOError:
                return
            at = 14 + (frame[14] & 15) * 4
            if len(frame) < at + 8 + 34:
                continue
            sender, to = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
            source, port, size = struct.unpack_from("!HHH", frame, at)
            self._macs[sender] = frame[6:12]
            machine = self._machines.get(frame[at + 36 : at + 42].hex(":"))
            if machine is not None and machine.mac in self._running:
                self.card.learn(sender, frame[6:12])
                data = frame[at + 8 : at + size]
                machine.receive_datagram(port, (sender, source), data, time.monotonic(), to)
                self._serve(machine)

    def _take_tftp(self, port: _Port) -> None:
        machine, receive = port.machine, port.sock.recvfrom_into
        for _ in range(_BURST):
            try:
                count, peer = receive(self._buffer)
            except BlockingIOError:
                return
            except OSError:  # ICMP: nobody listens there
                continue
            machine.receive_datagram(port.number, peer, self._view[:count], time.monotonic())
            done = machine.download is None
            for datagram in machine.datagrams_to_send():
                self._send(machine, datagram)
            if done:
                self._serve(machine)
                return
        self._watch(machine)

    def _ask(self, machine: Machine, request: HttpRequest) -> None:
        connection = self._of.get(machine.mac)
        if connection is None or not connection.fits(request):
            self._hang_up(machine)
            connection = Connection(machine, request.host, request.port)
            self._of[machine.mac] = connection
            self._connections[connection.fileno()] = connection
            self._poll.register(connection, select.EPOLLIN | select.EPOLLOUT)
        connection.ask(request)
        if connection.connected:
            connection.write()

    def _take_http(self, connection: Connection) -> None:
        if not connection.connected:
            connection.write()
            self._poll.modify(connection, select.EPOLLIN)
        machine = connection.machine
        reply = connection.read(self._buffer, self._view, time.monotonic())
        if connection.ended or machine.over or connection.hangs:
            self._hang_up(machine, keep=connection.hangs and not connection.ended)
        if reply is not None:
            machine.receive_reply(reply, time.monotonic())
            self._serve(machine)
        else:
            self._watch(machine)

    def _hang_up(self, machine: Machine, *, keep: bool = False) -> None:
        """Close a machine's connection; `keep`: only stop reading from it."""
        connection = self._of.get(machine.mac)
        if connection is None:
            return
        if self._connections.pop(connection.fileno(), None) is not None:
            self._poll.unregister(connection)
        if not keep:
            del self._of[machine.mac]
            connection.close()


def _raw_socket() -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    program, alive = as_sock_fprog(_FILTER)
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    del alive
    enlarge(sock, 4 << 20)
    sock.bind((CARD, _ETH_P_IP))
    sock.setblocking(False)
    return sock


def _sink(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, CARD.encode())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sock.bind(("", port))
    return sock
