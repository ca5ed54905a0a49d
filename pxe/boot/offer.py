"""What to answer to a DHCP message: a decision from packet, machines, leases and time. No sockets, no clock.

`answer` never sends and never stores. The adapter stores `Decision.lease` first where there is one, and only
then sends `Decision.reply`. RFC 2131 section 4.3 gives the states; `_request` tells them apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Protocol

from pxe.boot.classify import Client, classify
from pxe.boot.leases import Lease, LeaseTable
from pxe.boot.reply import Destination, destination, grant, refusal
from pxe.boot.select import Choice
from pxe.errors import NoAddress
from pxe.events import DhcpIgnored, DhcpReceived, DhcpSent
from pxe.plan import Machine
from pxe.settings import DhcpSettings
from pxe.wire.dhcp4 import ETHERNET, DhcpPacket, MessageType, Op, Option

_NOWHERE = IPv4Address(0)


class MachineDirectory(Protocol):
    """What the DHCP server must know of machines. Asked for every packet: it answers from memory."""

    def machine(self, mac: str) -> Machine | None:
        """The machine of that MAC (`aa:bb:cc:dd:ee:ff`); None where we do not know it."""

    def admit(self, client: Client, now: float) -> Machine | None:
        """The machine that sent a message at `now` (seconds since 1970); None: no answer. Where unknown
        machines are to boot, one of them is a Machine without a name."""

    def choice(self, mac: str, address: IPv4Address | None = None) -> Choice:
        """What the machine boots at the address that it has or is offered, and why."""

    def reserved_for(self, ip: IPv4Address) -> str | None:
        """The MAC of the machine whose `Machine.ip` this is; None where the address is free for the pool."""

    def bootfile(self, mac: str, client: Client, address: IPv4Address | None = None) -> str:
        """File name or URL of what this client loads next; "" where it has nothing to boot from us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a message leads to. Without a reply, `reason` says why, unless the protocol wants none."""

    client: Client
    message: str
    xid: int
    reply: DhcpPacket | None = None
    destination: Destination | None = None
    lease: Lease | None = None  # to be on disk before the reply leaves
    bootfile: str = ""
    plan: str | None = None
    reason: str = ""

    def received(self, t_ns: int) -> DhcpReceived:
        """The event of the message's arrival at `t_ns`."""
        client = self.client
        return DhcpReceived(
            t_ns=t_ns,
            mac=client.mac,
            message=self.message,
            xid=self.xid,
            firmware=client.firmware.value,
            arch=client.arch.value,
            vendor_class=client.vendor_class,
        )

    def sent(self, t_ns: int) -> DhcpSent:
        """The event of the reply's departure at `t_ns`. Raises ValueError where there is no reply."""
        if self.reply is None or self.reply.message_type is None:
            raise ValueError(f"nothing was sent: {self.reason}")
        return DhcpSent(
            t_ns=t_ns,
            mac=self.client.mac,
            message=self.reply.message_type.name,
            xid=self.xid,
            ip=str(self.reply.yiaddr),
            bootfile=self.bootfile,
            plan=self.plan,
        )

    def ignored(self, t_ns: int, reason: str = "") -> DhcpIgnored:
        """The event of our silence, for the decision's own reason or a later one (such as a full disk)."""
        return DhcpIgnored(
            t_ns=t_ns,
            mac=self.client.mac,
            message=self.message,
            xid=self.xid,
            reason=reason or self.reason,
        )


def answer(
    packet: DhcpPacket,
    *,
    settings: DhcpSettings,
    directory: MachineDirectory,
    leases: LeaseTable,
    now: float,
) -> Decision:
    """Decide about one message; `now` is in seconds of the lease table's clock.

    Changes nothing but holds in `leases`. Raises what `directory` raises.
    """
    client, kind = classify(packet), packet.message_type
    silent = Decision(client=client, message=kind.name if kind else "BOOTP", xid=packet.xid)
    handler = _HANDLERS.get(kind) if kind else None
    if handler is None:
        why = (
            f"a client never sends {kind.name}" if kind else "option 53 is missing or unknown: no DHCP client"
        )
        return replace(silent, reason=f"{why}; we serve DISCOVER, REQUEST, DECLINE, RELEASE and INFORM")
    reason = _not_for_us(packet, settings)
    if reason:
        return replace(silent, reason=reason)
    machine = directory.admit(client, now)
    if machine is None:
        return replace(
            silent,
            reason=f"no machine {client.mac}: add it to `machines` in the site file, "
            f"or with PUT /api/v1/machines/{client.mac}",
        )
    return handler(_Exchange(packet, machine, silent, settings, directory, leases, now))


def _not_for_us(packet: DhcpPacket, settings: DhcpSettings) -> str:
    """Why a message is none of our business; "" where it is."""
    if packet.op != Op.REQUEST:
        return "a server's reply (op 2): is another DHCP server on this network?"
    if packet.htype != ETHERNET or len(packet.chaddr) != 6:
        return f"hardware type {packet.htype} with {len(packet.chaddr)} address bytes is not Ethernet"
    if packet.giaddr != _NOWHERE and packet.giaddr not in settings.address.network:
        return f"relayed by {packet.giaddr}, which is not in our subnet {settings.address.network}"
    chosen = packet.address(Option.SERVER_ID)
    if chosen not in (None, settings.address.ip) and packet.message_type is not MessageType.REQUEST:
        return f"meant for the DHCP server {chosen}, not for us ({settings.address.ip})"
    return ""


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One message of a machine we serve, with all that the answer depends on."""

    packet: DhcpPacket
    machine: Machine
    silent: Decision
    settings: DhcpSettings
    directory: MachineDirectory
    leases: LeaseTable
    now: float

    def ignore(self, reason: str) -> Decision:
        return replace(self.silent, reason=reason)

    def send(self, reply: DhcpPacket, bootfile: str = "", lease: Lease | None = None) -> Decision:
        address = reply.yiaddr if reply.yiaddr != _NOWHERE else None
        plan = self.directory.choice(self.machine.mac, address).plan
        return replace(
            self.silent,
            reply=reply,
            destination=destination(self.packet, reply, self.settings),
            lease=lease,
            bootfile=bootfile,
            plan=plan.name if plan is not None else None,
        )

    def grant(self, kind: MessageType, ip: IPv4Address | None, lease: Lease | None = None) -> Decision:
        client = self.silent.client
        bootfile = self.directory.bootfile(self.machine.mac, client, ip)
        reply = grant(kind, self.packet, client, self.settings, ip=ip, bootfile=bootfile)
        return self.send(reply, bootfile, lease)

    def refuse(self, why: str) -> Decision:
        return self.send(refusal(self.packet, self.settings, why))

    def acknowledge(self, make: Callable[[Machine, IPv4Address, float], Lease], ip: IPv4Address) -> Decision:
        """ACK with the lease that `make` gives, or NAK with its objection."""
        try:
            lease = make(self.machine, ip, self.now)
        except NoAddress as exc:
            return self.refuse(str(exc))
        return self.grant(MessageType.ACK, ip, lease)


def _discover(exchange: _Exchange) -> Decision:
    try:
        requested = exchange.packet.address(Option.REQUESTED_IP)
        ip = exchange.leases.offer(exchange.machine, requested, exchange.now)
    except NoAddress as exc:
        return exchange.ignore(str(exc))
    return exchange.grant(MessageType.OFFER, ip)


def _request(exchange: _Exchange) -> Decision:
    """Tell the client's state by which of 54, 50 and ciaddr it filled in (RFC 2131, table 4)."""
    packet, leases = exchange.packet, exchange.leases
    server, requested = packet.address(Option.SERVER_ID), packet.address(Option.REQUESTED_IP)
    in_use = packet.ciaddr if packet.ciaddr != _NOWHERE else None
    if server not in (None, exchange.settings.address.ip):
        leases.drop_hold(exchange.machine.mac)
        return exchange.ignore(f"chose the offer of another DHCP server, {server}")
    if server is not None and (chosen := requested or in_use) is not None:  # SELECTING
        return exchange.acknowledge(leases.bind, chosen)
    if in_use is not None:  # RENEWING (unicast) or REBINDING (broadcast): the answer is the same
        return exchange.acknowledge(leases.renew, in_use)
    if requested is not None:
        return _init_reboot(exchange, requested)
    return exchange.ignore("names no address: neither option 50 nor ciaddr")


def _init_reboot(exchange: _Exchange, requested: IPv4Address) -> Decision:
    """The client remembers an address from before its restart. Silence where we know nothing of it: another
    server may; a NAK where we know better.
    """
    machine, leases = exchange.machine, exchange.leases
    lease = leases.lease_of(machine.mac)
    known = {machine.ip, lease.ip if lease else None} - {None}
    if requested in known:
        return exchange.acknowledge(leases.renew, requested)
    if requested not in exchange.settings.address.network:
        return exchange.refuse(f"{requested} is not in this network, {exchange.settings.address.network}")
    if known:
        return exchange.refuse(f"{requested} is not the address of {machine.mac}")
    return exchange.ignore(f"wants {requested} back, of which we have no record: it will send DISCOVER next")


def _decline(exchange: _Exchange) -> Decision:
    ip = exchange.packet.address(Option.REQUESTED_IP)
    lease = exchange.leases.decline(exchange.machine.mac, ip, exchange.now) if ip else None
    if lease is None:
        return exchange.ignore(f"declines {ip or 'no address'}, which we did not give to it")
    return replace(exchange.silent, lease=lease)


def _release(exchange: _Exchange) -> Decision:
    ip = exchange.packet.ciaddr
    lease = exchange.leases.release(exchange.machine.mac, ip, exchange.now)
    if lease is None:
        return exchange.ignore(f"releases {ip}, which is not leased to it")
    return replace(exchange.silent, lease=lease)


def _inform(exchange: _Exchange) -> Decision:
    ip = exchange.packet.ciaddr
    if ip not in exchange.settings.address.network:
        return exchange.ignore(f"INFORM from {ip}, which is not in {exchange.settings.address.network}")
    return exchange.grant(MessageType.ACK, None)


_HANDLERS: dict[MessageType, Callable[[_Exchange], Decision]] = {
    MessageType.DISCOVER: _discover,
    MessageType.REQUEST: _request,
    MessageType.DECLINE: _decline,
    MessageType.RELEASE: _release,
    MessageType.INFORM: _inform,
}
