"""What to answer to a DHCP message: a decision from packet, machines, leases and time. No sockets, no clock.

`answer` never sends and never stores. The adapter stores `Decision.lease` first where there is one, and only
then sends `Decision.reply`. RFC 2131 section 4.3 gives the states; `_request` tells them apart.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Protocol

from pxe.boot.classify import Client, classify
from pxe.boot.decision import Decision
from pxe.boot.leases import Lease, LeaseTable
from pxe.boot.policy import STANDARD, Terms, terms
from pxe.boot.reply import destination, grant, refusal
from pxe.boot.scope import Scope, link_selection
from pxe.boot.select import Choice, facts_of
from pxe.errors import NoAddress, PlanError
from pxe.plan import Firmware, Machine
from pxe.settings import DhcpSettings, Subnet
from pxe.wire.dhcp4 import ETHERNET, DhcpPacket, MessageType, Op, Option

__all__ = ["Decision", "MachineDirectory", "answer", "silence"]

_NOWHERE = IPv4Address(0)
# plain numbers, which are looked up faster
_SERVER_ID, _REQUESTED_IP = int(Option.SERVER_ID), int(Option.REQUESTED_IP)


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

    def bootfile(
        self,
        mac: str,
        client: Client,
        address: IPv4Address | None = None,
        server: IPv4Address | None = None,
    ) -> str:
        """File name or URL of what this client loads next; "" where it has nothing to boot from us.

        `server` is our address there. Raises PlanError where this host lacks the loader that it needs.
        """


def answer(packet: DhcpPacket, *, scope: Scope, directory: MachineDirectory, now: float) -> Decision:
    """Decide about one message; `now` is in seconds of the lease table's clock.

    Changes nothing but holds in the scope's leases. Raises what `directory` raises.
    """
    client, kind = classify(packet), packet.message_type
    handler = _HANDLERS.get(kind) if kind else None
    if handler is None:
        return _no_client(packet, client, scope.settings)
    reason = not_for_us(packet, scope.settings)
    if reason:
        return silence(packet, client, reason)
    place = scope.find(packet)
    if place is None:
        return silence(packet, client, _no_subnet(packet, scope.settings))
    machine = directory.admit(client, now)
    if machine is None:
        return silence(packet, client, unknown_machine(client.mac))
    known, policies = directory.machine(client.mac) is not None, scope.settings.policies
    subnet, table = place
    agreed = STANDARD
    if policies:
        agreed = terms(policies, facts_of(client, machine, subnet.network.network_address))
        if agreed.ignored_by:
            return silence(packet, client, ignored_by(agreed), known=known)
    exchange = _Exchange(
        packet, client, machine, scope.settings, subnet, agreed, directory, table, now, known
    )
    try:
        return handler(exchange)
    except PlanError as exc:  # an offer without a file would only make the firmware wait for nothing
        return exchange.ignore(str(exc))


def silence(
    packet: DhcpPacket,
    client: Client,
    reason: str,
    *,
    known: bool = False,
    other_server: IPv4Address | None = None,
) -> Decision:
    """The decision to say nothing, and why."""
    kind = packet.message_type
    return Decision(
        client=client,
        message=kind.name if kind else "BOOTP",
        xid=packet.xid,
        reason=reason,
        known=known,
        other_server=other_server,
    )


def unknown_machine(mac: str) -> str:
    """Why a machine that we do not know is not answered."""
    return f"no machine {mac}: add it to `machines` in the site file, or with PUT /api/v1/machines/{mac}"


def ignored_by(agreed: Terms) -> str:
    """Why a policy keeps a client from being answered."""
    return f"the policy {agreed.ignored_by!r} says to ignore it"


def _no_client(packet: DhcpPacket, client: Client, settings: DhcpSettings) -> Decision:
    kind = packet.message_type
    if packet.op == Op.REPLY or kind in (MessageType.OFFER, MessageType.ACK, MessageType.NAK):
        server = packet.address(Option.SERVER_ID)
        other = server if server not in (None, settings.ip) else None
        if packet.op == Op.REPLY:
            reason = "a server's reply (op 2): is another DHCP server on this network?"
        else:
            reason = f"a client never sends {kind.name if kind else 'this'}"
        return silence(packet, client, reason, other_server=other)
    reason = "option 53 is missing or unknown: no DHCP client"
    return silence(packet, client, f"{reason}; we serve DISCOVER, REQUEST, DECLINE, RELEASE and INFORM")


def not_for_us(packet: DhcpPacket, settings: DhcpSettings) -> str:
    """Why a client's message is none of our business; "" where it is."""
    if packet.op != Op.REQUEST:
        return "a server's reply (op 2): is another DHCP server on this network?"
    if packet.htype != ETHERNET or len(packet.chaddr) != 6:
        return f"hardware type {packet.htype} with {len(packet.chaddr)} address bytes is not Ethernet"
    chosen = packet.address(_SERVER_ID)
    if chosen is not None and chosen != settings.ip and packet.message_type is not MessageType.REQUEST:
        return f"meant for the DHCP server {chosen}, not for us ({settings.ip})"
    return ""


def _no_subnet(packet: DhcpPacket, settings: DhcpSettings) -> str:
    if packet.giaddr == _NOWHERE:
        return f"no subnet of {settings.interface} is served but those behind relays"
    place = link_selection(packet)
    where = f"for {place} (option 82.5)" if place else "for its own network"
    return (
        f"relayed by {packet.giaddr} {where}, which is in no subnet of ours on {settings.interface}: "
        "add it to `subnets`"
    )


@dataclass(slots=True)  # not frozen: see DhcpPacket
class _Exchange:
    """One message of a machine we serve, with all that the answer depends on."""

    packet: DhcpPacket
    client: Client
    machine: Machine
    settings: DhcpSettings
    subnet: Subnet
    terms: Terms
    directory: MachineDirectory
    leases: LeaseTable
    now: float
    known: bool

    def ignore(self, reason: str, *, other_server: IPv4Address | None = None) -> Decision:
        return silence(self.packet, self.client, reason, known=self.known, other_server=other_server)

    def store(self, lease: Lease) -> Decision:
        return replace(self.ignore(""), lease=lease)

    def send(self, reply: DhcpPacket, bootfile: str = "", lease: Lease | None = None) -> Decision:
        address = reply.yiaddr if reply.yiaddr != _NOWHERE else None
        boots = bool(bootfile) or self.client.firmware is not Firmware.OS
        plan = self.directory.choice(self.machine.mac, address).plan if boots else None
        kind = self.packet.message_type
        return Decision(
            client=self.client,
            message=kind.name if kind else "BOOTP",
            xid=self.packet.xid,
            reply=reply,
            destination=destination(self.packet, reply, self.settings),
            delay_seconds=self.terms.delay_seconds,
            lease=lease,
            bootfile=bootfile,
            plan=plan.name if plan is not None else None,
            known=self.known,
        )

    def grant(self, kind: MessageType, ip: IPv4Address | None, lease: Lease | None = None) -> Decision:
        bootfile = self.directory.bootfile(self.machine.mac, self.client, ip, self.settings.ip)
        reply = grant(
            kind,
            self.packet,
            self.client,
            self.settings.ip,
            self.subnet,
            ip=ip,
            bootfile=bootfile,
            terms=self.terms,
        )
        return self.send(reply, bootfile, lease)

    def refuse(self, why: str) -> Decision:
        return self.send(refusal(self.packet, self.settings, why))

    def acknowledge(
        self, make: Callable[[Machine, IPv4Address, float, float | None], Lease], ip: IPv4Address
    ) -> Decision:
        """ACK with the lease that `make` gives, or NAK with its objection."""
        try:
            lease = make(self.machine, ip, self.now, self.terms.lease_seconds)
        except NoAddress as exc:
            return self.refuse(str(exc))
        return self.grant(MessageType.ACK, ip, lease)


def _discover(exchange: _Exchange) -> Decision:
    packet, leases = exchange.packet, exchange.leases
    try:
        requested = packet.address(_REQUESTED_IP)
        ip = leases.offer(exchange.machine, requested, exchange.now, known=exchange.known)
    except NoAddress as exc:
        return exchange.ignore(str(exc))
    if exchange.settings.rapid_commit and Option.RAPID_COMMIT in packet.options:
        return exchange.acknowledge(leases.bind, ip)
    return exchange.grant(MessageType.OFFER, ip)


def _request(exchange: _Exchange) -> Decision:
    """Tell the client's state by which of 54, 50 and ciaddr it filled in (RFC 2131, table 4)."""
    packet, leases = exchange.packet, exchange.leases
    server, requested = packet.address(_SERVER_ID), packet.address(_REQUESTED_IP)
    in_use = packet.ciaddr if packet.ciaddr != _NOWHERE else None
    if server is not None and server != exchange.settings.ip:
        leases.drop_hold(exchange.machine.mac)
        return exchange.ignore(f"chose the offer of another DHCP server, {server}", other_server=server)
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
    machine, network = exchange.machine, exchange.subnet.network
    lease = exchange.leases.lease_of(machine.mac)
    known = {machine.ip, lease.ip if lease else None} - {None}
    if requested not in network:
        return exchange.refuse(f"{requested} is not in this network, {network}")
    if requested in known:
        return exchange.acknowledge(exchange.leases.renew, requested)
    if known:
        return exchange.refuse(f"{requested} is not the address of {machine.mac}")
    return exchange.ignore(f"wants {requested} back, of which we have no record: it will send DISCOVER next")


def _decline(exchange: _Exchange) -> Decision:
    ip = exchange.packet.address(Option.REQUESTED_IP)
    lease = exchange.leases.decline(exchange.machine.mac, ip, exchange.now) if ip else None
    if lease is None:
        return exchange.ignore(f"declines {ip or 'no address'}, which we did not give to it")
    return exchange.store(lease)


def _release(exchange: _Exchange) -> Decision:
    ip = exchange.packet.ciaddr
    lease = exchange.leases.release(exchange.machine.mac, ip, exchange.now)
    if lease is None:
        return exchange.ignore(f"releases {ip}, which is not leased to it")
    return exchange.store(lease)


def _inform(exchange: _Exchange) -> Decision:
    ip, network = exchange.packet.ciaddr, exchange.subnet.network
    if ip not in network:
        return exchange.ignore(f"INFORM from {ip}, which is not in {network}")
    return exchange.grant(MessageType.ACK, None)


_HANDLERS: dict[MessageType, Callable[[_Exchange], Decision]] = {
    MessageType.DISCOVER: _discover,
    MessageType.REQUEST: _request,
    MessageType.DECLINE: _decline,
    MessageType.RELEASE: _release,
    MessageType.INFORM: _inform,
}
