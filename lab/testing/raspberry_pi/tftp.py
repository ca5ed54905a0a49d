"""TFTP as the Pi's firmware speaks it: lock-step, `tsize 0 blksize 1024`, and little patience."""

import socket
import struct
import time
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.testing.raspberry_pi.dhcp import BootFailed
from lab.testing.raspberry_pi.models import Model

_RRQ, _DATA, _ACK, _ERROR, _OACK = 1, 3, 4, 5, 6


@dataclass(frozen=True, slots=True)
class Missing(Exception):
    """The server has no such file (ERROR 1): the firmware goes on to its next candidate."""

    name: str


class TftpClient:
    """Fetches files from one server. `scale` multiplies the waits, not the time that a whole file may take.

    `rollover` False: an EEPROM from before 2025-09-23, which stops after 65535 blocks. A probe for the size
    ends by ERROR 0 "Early terminate"; each request comes from a new port.
    """

    def __init__(
        self, model: Model, server: IPv4Address, scale: float, *, interface: str, rollover: bool = True
    ) -> None:
        self._model, self._server, self._scale = model, server, scale
        self._interface, self._rollover = interface, rollover
        self.requests: list[str] = []  # all names asked for, in order

    def size(self, name: str) -> int:
        """Return the size of a file and fetch nothing. Raises Missing, BootFailed."""
        with self._socket() as sock:
            reply, peer = self._ask(sock, name)
            if struct.unpack_from("!H", reply)[0] != _OACK:
                raise BootFailed(f"TFTP {name}: the server does not tell sizes")
            sock.sendto(struct.pack("!HH", _ERROR, 0) + b"Early terminate\0", peer)
        return _options(reply)["tsize"]

    def fetch(self, name: str) -> bytes:
        """Return a file's bytes. Raises Missing; BootFailed where it does not come whole and in time."""
        with self._socket() as sock:
            reply, peer = self._ask(sock, name)
            return self._receive(sock, name, reply, peer)

    def _socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._interface.encode())
        return sock

    def _ask(self, sock: socket.socket, name: str) -> tuple[bytes, tuple[str, int]]:
        """Send the request, again every two seconds, until something comes."""
        self.requests.append(name)
        options = f"tsize\x000\x00blksize\x00{self._model.blksize}\x00"
        request = struct.pack("!H", _RRQ) + f"{name}\0octet\0{options}".encode()
        deadline = time.monotonic() + self._model.file_timeout
        sock.settimeout(self._model.retry_interval * self._scale)
        while time.monotonic() < deadline:
            sock.sendto(request, (str(self._server), 69))
            try:
                reply, peer = sock.recvfrom(2048)
            except TimeoutError:
                continue
            if peer[0] != str(self._server):
                continue
            if struct.unpack_from("!H", reply)[0] == _ERROR:
                code = struct.unpack_from("!H", reply, 2)[0]
                if code == 1:
                    raise Missing(name)
                raise BootFailed(f"TFTP {name}: ERROR {code} {reply[4:].rstrip(bytes(1))!r}")
            return reply, peer
        raise BootFailed(f"TFTP {name}: no answer")

    def _receive(self, sock: socket.socket, name: str, packet: bytes, peer: tuple[str, int]) -> bytes:
        blksize, size, got, block = 512, None, bytearray(), 0
        deadline = time.monotonic() + self._model.file_timeout
        if struct.unpack_from("!H", packet)[0] == _OACK:
            options = _options(packet)
            blksize, size = options.get("blksize", 512), options.get("tsize")
            packet = self._exchange(sock, peer, 0, deadline, name)
        while True:
            opcode, number = struct.unpack_from("!HH", packet)
            if opcode == _ERROR:
                raise BootFailed(f"TFTP {name}: ERROR {number} in the middle")
            if opcode == _DATA and number == (block + 1) & 0xFFFF:
                block += 1
                if block > 0xFFFF and not self._rollover:
                    raise BootFailed(f"TFTP {name}: this EEPROM stops after 65535 blocks of {blksize} bytes")
                got += packet[4:]
                if len(packet) - 4 < blksize:
                    sock.sendto(struct.pack("!HH", _ACK, number), peer)
                    break
            packet = self._exchange(sock, peer, block & 0xFFFF, deadline, name)
        if size is not None and size != len(got):
            raise BootFailed(f"TFTP {name}: {len(got)} bytes came, {size} were announced")
        return bytes(got)

    def _exchange(
        self, sock: socket.socket, peer: tuple[str, int], number: int, deadline: float, name: str
    ) -> bytes:
        """Acknowledge, and return the next datagram of the server's port; say it again where none comes."""
        while time.monotonic() < deadline:
            sock.sendto(struct.pack("!HH", _ACK, number), peer)
            try:
                packet, sender = sock.recvfrom(2048)
            except TimeoutError:
                continue
            if sender == peer:
                return packet
        raise BootFailed(f"TFTP {name}: not whole after {self._model.file_timeout:g} s")


def _options(packet: bytes) -> dict[str, int]:
    words = packet[2:].rstrip(b"\0").split(b"\0")
    return {k.decode().lower(): int(v) for k, v in zip(words[::2], words[1::2], strict=True)}
