"""What is fuzzed, and what must hold for any bytes: one class each, called with the bytes of one input.

An input is one or several datagrams, each behind its length (two bytes): so that a fuzzer can try
sequences. A broken promise is an AssertionError; every other exception is a bug, too.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from pxe.boot.catalogue import Catalogue
from pxe.boot.decision import Decision
from pxe.boot.files import FileRoot
from pxe.boot.lease_records import Records
from pxe.boot.offer import answer
from pxe.boot.scope import Scope
from pxe.errors import WireError
from pxe.net.packets import PacketCache
from pxe.net.tftp_open import Opener, Refusal
from pxe.net.tftp_session import Session
from pxe.net.udp import Datagram
from pxe.plan import Asset, BootPlan, Machine
from pxe.plan_store import configured
from pxe.settings import AddressRange, DhcpSettings, Subnet
from pxe.wire import dhcp4, tftp
from pxe.wire.dhcp4 import MessageType, Op, Option

BOARD = "52:54:00:aa:00:01"
FORGET = 2000  # inputs after which the state begins anew: what grows within that is measured by its owner
MAX_DATAGRAMS = 16


def datagrams(data: bytes) -> Iterator[bytes]:
    """Cut an input into its datagrams."""
    at, count = 0, 0
    while at < len(data) and count < MAX_DATAGRAMS:
        size = int.from_bytes(data[at : at + 2], "big")
        yield data[at + 2 : at + 2 + size]
        at, count = at + 2 + size, count + 1


def as_input(*parts: bytes) -> bytes:
    """The input that `datagrams` cuts into `parts`."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def catalogue(folder: Path) -> Catalogue:
    """One machine, one plan, and a folder for everybody."""
    for name, size in (("linux", 5000), ("initrd.gz", 512), ("empty", 0)):
        (folder / name).write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
    (folder / "out").symlink_to("/etc/passwd")
    (folder / "dtb").mkdir(exist_ok=True)
    plan = BootPlan(name="p", kernel=Asset("linux", folder / "linux"), cmdline="console=ttyAMA0 mac={mac}")
    machine = Machine(mac=BOARD, ip=IPv4Address("10.99.0.50"), plan="p")
    return Catalogue(configured([machine], [plan]), FileRoot(folder), http=lambda server: f"http://{server}")


def check_relayed(packet: dhcp4.DhcpPacket, decision: Decision, settings: DhcpSettings) -> None:
    """An answer by way of a relay goes to that relay, and brings it its option 82 back (RFC 3046)."""
    reply, to = decision.reply, decision.destination
    assert reply is not None
    assert to is not None
    if int(packet.giaddr):
        assert (to.ip, to.port) == (packet.giaddr, settings.port), f"to {to}, not to the relay"
    agent = reply.options.get(Option.RELAY_AGENT)
    assert agent in (None, packet.options.get(Option.RELAY_AGENT)), "not its own"


def check_size(packet: dhcp4.DhcpPacket, wire: bytes) -> None:
    """No answer is longer than its client takes; option 82 is gone by then, a relay has taken it out."""
    agent = packet.options.get(Option.RELAY_AGENT)
    extra = 2 + len(agent) if agent is not None else 0
    limit = int.from_bytes(packet.options.get(Option.MAX_MESSAGE_SIZE, b""), "big")
    assert len(wire) - extra <= max(limit - 28, 548), "longer than the client takes"


class Dhcp:
    """Decode, classify, decide, encode: with leases that are granted as they would be."""

    settings = DhcpSettings(
        interface="eth0",
        address=IPv4Interface("10.99.0.1/24"),
        subnets=(
            Subnet(
                network=IPv4Network("10.99.0.0/24"),
                ranges=(AddressRange(first=IPv4Address("10.99.0.100"), last=IPv4Address("10.99.0.120")),),
            ),
            Subnet(  # behind a relay
                network=IPv4Network("10.98.0.0/24"),
                ranges=(AddressRange(first=IPv4Address("10.98.0.100"), last=IPv4Address("10.98.0.120")),),
            ),
        ),
    )

    def __init__(self, folder: Path) -> None:
        self.catalogue = catalogue(folder)
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.records, self.now = Records(), 1e9
        self.scope = Scope.of(self.settings, self.catalogue.reserved_for, self.records)

    def __call__(self, data: bytes) -> None:
        """One input."""
        for datagram in datagrams(data):
            self.now += 1
            try:
                packet = dhcp4.decode(datagram)
            except WireError:
                continue
            self._decide(packet)

    def _decide(self, packet: dhcp4.DhcpPacket) -> None:
        decision = answer(packet, scope=self.scope, directory=self.catalogue, now=self.now)
        if decision.lease is not None:
            self.records.apply(decision.lease)
        reply, to = decision.reply, decision.destination
        if reply is None or to is None:
            assert decision.reason or packet.message_type in (
                MessageType.DECLINE,
                MessageType.RELEASE,
                MessageType.REQUEST,
            )
            return
        wire = dhcp4.encode(reply)
        assert dhcp4.decode(wire) == reply
        assert packet.op == Op.REQUEST, "answered a server"
        assert packet.mac == BOARD, "answered a machine that it does not know"
        assert (reply.op, reply.xid, reply.chaddr) == (Op.REPLY, packet.xid, packet.chaddr)
        assert reply.message_type in (MessageType.OFFER, MessageType.ACK, MessageType.NAK)
        assert to.ip != self.settings.address.ip, "would answer itself"
        assert to.port in (67, 68)
        check_size(packet, wire)
        if reply.message_type is not MessageType.NAK and int(reply.yiaddr):
            assert reply.yiaddr in (IPv4Address("10.99.0.50"), *self._pool()), reply.yiaddr
        check_relayed(packet, decision, self.settings)

    def _pool(self) -> list[IPv4Address]:
        return [first + i for first in map(IPv4Address, ("10.99.0.100", "10.98.0.100")) for i in range(21)]


class Port:
    """Where a transfer sends: keeps count, and drops."""

    sock = guard = None
    mtu = 1500

    def __init__(self) -> None:
        self.sent, self.closed = 0, False

    def send(self, packet: bytes | memoryview) -> None:
        """A run of datagrams."""
        self.sent += len(packet)
        assert 0 < len(packet) <= 65_536 * 9, "more than a window"

    def segmented(self, _stride: int) -> "type[Port.send]":
        """As the real one, without the kernel's help."""
        return self.send  # type: ignore[return-value]

    def close(self) -> None:
        """Given back."""
        self.closed = True


class Tftp:
    """A request, and then datagrams into the transfer that it began, with time going by."""

    peer = ("10.99.0.50", 2001)

    def __init__(self, folder: Path) -> None:
        root = folder / "root"
        root.mkdir(exist_ok=True)
        (folder / "secret").write_text("not for you")
        self._catalogue, self._folder = catalogue(root), folder
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._ports: list[Port] = []
        self._opener = Opener(self._resolve, lambda _: BOARD, PacketCache(), self, None, ())

    def open(self, _request: Datagram, _number: int = 0) -> Port:
        """As pxe.net.ports.Ports."""
        self._ports.append(Port())
        return self._ports[-1]

    def _resolve(self, name: str, _client: IPv4Address):
        resource = self._catalogue._root.resolve(name)
        path = resource.path.resolve()
        assert path.is_relative_to(self._folder / "root"), f"{name!r} leads out: {path}"
        return resource

    def __call__(self, data: bytes) -> None:
        """One input."""
        parts = list(datagrams(data))
        if not parts:
            return
        try:
            message = tftp.decode(parts[0])
        except WireError:
            return
        self._round_trip(message)
        if not isinstance(message, tftp.ReadRequest | tftp.WriteRequest):
            return
        request = Datagram(parts[0], self.peer, "10.99.0.1")
        try:
            session = self._opener.open(request, message, 0.0)
        except Refusal as refusal:
            assert isinstance(message, tftp.WriteRequest) or not any(p.sent for p in self._ports)
            tftp.encode(tftp.Error(refusal.code, tftp.printable(str(refusal))))
            self._ports.clear()
            return
        assert isinstance(message, tftp.ReadRequest), "an upload began, and uploads are off"
        self._transfer(session, parts[1:])
        session.close()
        assert all(port.closed for port in self._ports), "a port was not given back"
        self._ports.clear()

    def _transfer(self, session: Session, parts: list[bytes]) -> None:
        now, transfer = 0.0, session.transfer
        session.pump(now)
        for part in parts:
            if transfer.outcome is not None:
                return
            now += 0.3
            try:
                session.deliver(part, now)
            except WireError:
                continue
            assert 0 <= transfer.acknowledged <= session.size
            timer = transfer.get_timer()
            if timer is not None and timer <= now:
                transfer.handle_timer(now)
                session.pump(now)
        for _ in range(100):  # nobody answers any more: it ends by itself
            timer = transfer.get_timer()
            if timer is None:
                return
            transfer.handle_timer(timer)
            session.pump(timer)
        raise AssertionError("a transfer that nobody acknowledges goes on for ever")

    def _round_trip(self, message: tftp.Message) -> None:
        if not isinstance(message, tftp.ReadRequest | tftp.WriteRequest):
            assert tftp.decode(tftp.encode(message)) == message
