"""The hostile server: `python -m lab.hostile.server INTERFACE ADDRESS CLIENT_IP MAC`.

Cases come as JSON lines on the standard input, `ready` goes out for each. It answers one MAC only, and ends
with a line `stranger MAC` as soon as DHCP is heard from another. A file called `sane` is served well,
whatever the case: that is how one sees that the client's network still works.
"""

import json
import random
import selectors
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address
from typing import Final

from lab.hostile import dhcp, http, tftp
from lab.hostile.cases import STRAY, Case, Kind
from lab.hostile.frames import FRAMES
from lab.hostile.segments import stray
from pxe.errors import WireError
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, decode
from pxe.wire.frame import udp_frame

SANE: Final = "sane"
SANE_BYTES: Final = b"bootlab: still alive\n" * 100
_ALL: Final = 0x0003  # ETH_P_ALL
_MALFORMED_ROUNDS: Final = 1  # then a client that asks again gets a good answer
_HTTP_SECONDS: Final = 20.0
_STRAY_SECONDS: Final = 0.01


@dataclass
class Server:
    """One interface, one client, one case at a time."""

    interface: str
    address: IPv4Address
    client: IPv4Address
    mac: str
    case: Case | None = None
    _rounds: dict[MessageType, int] = field(default_factory=dict)
    _peer: tftp.Peer | None = None
    _rng: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._raw.bind((self.interface, 0))
        self._own_mac = self._raw.getsockname()[4]
        self._dhcp, self._tftp = self._udp(67, "0.0.0.0"), self._udp(69, str(self.address))
        self._tid, self._other = (self._udp(0, str(self.address)) for _ in range(2))
        self._http = socket.create_server((str(self.address), 80), backlog=16)

    def _udp(self, port: int, address: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode())
        sock.bind((address, port))
        return sock

    def serve(self) -> None:
        """Serve until the standard input ends, or a stranger is heard."""
        threading.Thread(target=self._accept, daemon=True).start()
        with selectors.DefaultSelector() as selector:
            selector.register(sys.stdin, selectors.EVENT_READ, self._on_case)
            for sock, handler in (
                (self._dhcp, self._on_dhcp),
                (self._tftp, partial(self._on_tftp, self._tftp)),
                (self._tid, partial(self._on_tftp, self._tid)),
            ):
                selector.register(sock, selectors.EVENT_READ, handler)
            print("ready", flush=True)  # noqa: T201
            while all([key.data() for key, _ in selector.select()]):
                pass

    def _on_case(self) -> bool:
        line = sys.stdin.readline()
        if not line:
            return False
        given = json.loads(line)
        self.case = Case(**{**given, "kind": Kind(given["kind"])}) if given is not None else None
        self._rng, self._rounds, self._peer = random.Random(), {}, None
        if self.case is not None:
            self._rng = self.case.rng
            if self.case.name == STRAY:
                threading.Thread(target=self._send_stray, args=(self.case,), daemon=True).start()
        print("ready", flush=True)  # noqa: T201
        return True

    def _send_stray(self, case: Case) -> None:
        """Segments that belong to no connection, for as long as the case is played."""
        source, to = (self._own_mac, self.address), (bytes.fromhex(self.mac.replace(":", "")), self.client)
        rng = case.rng
        while self.case is case:
            self._raw.send(stray(rng, source, to))
            time.sleep(_STRAY_SECONDS)

    def _on_dhcp(self) -> bool:
        try:
            packet = decode(self._dhcp.recv(4096))
        except WireError:
            return True
        mac = bytes(packet.chaddr).hex(":")
        if packet.op == Op.REQUEST and mac != self.mac:
            print(f"stranger {mac}", flush=True)  # noqa: T201
            return False
        kind = packet.message_type
        answers = {MessageType.DISCOVER: dhcp.OFFER, MessageType.REQUEST: dhcp.ACK}
        if packet.op == Op.REQUEST and kind in answers:
            self._answer_dhcp(packet, kind, answers[kind])
        return True

    def _answer_dhcp(self, packet: DhcpPacket, kind: MessageType, answer: int) -> None:
        reply = dhcp.valid(packet, self.address, self.client, answer)
        number = self._rounds[kind] = self._rounds.get(kind, 0) + 1
        case, name = self.case, ""
        data = reply.encode()
        if case is not None and case.kind is Kind.DHCP and number <= _MALFORMED_ROUNDS:
            # half of the cases let the offer pass, so that the ACK is what is malformed
            name = case.name if kind is MessageType.REQUEST or case.rng.random() < 0.5 else ""
        if name and name not in FRAMES:
            data = dhcp.malformed(name, reply, self._rng)
        frame = udp_frame(
            data,
            source=(self._own_mac, self.address, 67),
            to=(bytes(packet.chaddr), IPv4Address("255.255.255.255"), 68),
        )
        self._raw.send(FRAMES[name](frame, self._rng) if name in FRAMES else frame)

    def _on_tftp(self, sock: socket.socket) -> bool:
        data, peer = sock.recvfrom(4096)
        if sock is self._tftp:
            name = data[2:].partition(b"\0")[0].decode(errors="replace")
            self._peer = self._tftp_peer(name) if data[:2] == b"\0\1" else None
        if self._peer is not None:
            try:
                for other, packet in self._peer.send(data):
                    (self._other if other else self._tid).sendto(packet, peer)
            except StopIteration:
                self._peer = None
        return True

    def _tftp_peer(self, name: str) -> tftp.Peer:
        if self.case is not None and self.case.kind is Kind.TFTP and name != SANE:
            return tftp.malformed(self.case.name, self._rng)
        return tftp.sane(SANE_BYTES)

    def _accept(self) -> None:
        while True:
            sock, _ = self._http.accept()
            threading.Thread(target=self._answer_http, args=(sock,), daemon=True).start()

    def _answer_http(self, sock: socket.socket) -> None:
        case = self.case
        sock.settimeout(_HTTP_SECONDS)
        try:
            with sock:
                sock.recv(4096)
                if case is None or case.kind is not Kind.HTTP or case.name == STRAY:
                    sock.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(SANE_BYTES) + SANE_BYTES
                    )
                    return
                answer = http.malformed(case.name, case.rng)
                for piece in answer.pieces:
                    sock.sendall(piece)
                    time.sleep(answer.pause)
                if answer.hold:
                    sock.recv(1)
                if answer.reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        except OSError:  # the client went away
            return


def main() -> None:
    """Read the four words of the command line and serve."""
    interface, address, client, mac = sys.argv[1:]
    Server(interface, IPv4Address(address), IPv4Address(client), mac).serve()


if __name__ == "__main__":
    main()
