"""proxyDHCP: another server gives addresses, we say what to boot. Pure, as pxe.boot.offer.

A proxy's OFFER has no address (yiaddr 0). It is for PXE and HTTP boot firmware, which collects offers and
joins the two; whoever takes the first offer for the whole truth would come up without an address, so all
others get silence and a reason. Port 4011 (`binl`) is the second way of PXE 2.1: some firmware asks there, by
unicast, once it has its address.
"""

from dataclasses import replace
from ipaddress import IPv4Address

from pxe.boot.classify import Client, classify
from pxe.boot.decision import Decision
from pxe.boot.offer import MachineDirectory, ignored_by, not_for_us, silence, unknown_machine
from pxe.boot.policy import STANDARD, terms
from pxe.boot.reply import BROADCAST, Destination, proxy_reply
from pxe.boot.select import facts_of
from pxe.errors import PlanError
from pxe.plan import Firmware
from pxe.settings import DhcpSettings
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option

_NOWHERE = IPv4Address(0)
_PXE = ("PXEClient", "HTTPClient")


def answer_proxy(
    packet: DhcpPacket, *, settings: DhcpSettings, directory: MachineDirectory, now: float
) -> Decision:
    """Decide about a message at port 67 of an interface where we are the proxy."""
    client, kind = classify(packet), packet.message_type
    reason = not_for_us(packet, settings) if packet.op == Op.REPLY or kind is MessageType.DISCOVER else ""
    if reason:
        return silence(packet, client, reason)
    if kind is MessageType.DISCOVER:
        if client.firmware is Firmware.UEFI_PXE and not client.sends_uuid:
            reason = "U-Boot's EFI step takes the first offer whole, and ours has no address for it"
            return _leave(packet, client, reason, directory, now)
        to = Destination(BROADCAST, settings.client_port)
        if packet.giaddr != _NOWHERE:
            to = Destination(packet.giaddr, settings.port)
        return _answer(packet, client, MessageType.OFFER, to, settings, directory, now)
    machine = directory.admit(client, now)
    address = _address(packet) if kind in (MessageType.REQUEST, MessageType.INFORM) else None
    return Decision(
        client=client,
        message=kind.name if kind else "BOOTP",
        xid=packet.xid,
        known=machine is not None,
        learned=address if machine is not None else None,
        reason="" if kind else "option 53 is missing or unknown: no DHCP client",
    )


def answer_binl(
    packet: DhcpPacket,
    sender: tuple[IPv4Address, int],
    *,
    settings: DhcpSettings,
    directory: MachineDirectory,
    now: float,
) -> Decision:
    """Decide about a message at port 4011, which came from `sender`: there the answer goes.

    It must be the client's own address: nobody shall have us send packets to a third party.
    """
    client, kind = classify(packet), packet.message_type
    if packet.op != Op.REQUEST or kind not in (MessageType.REQUEST, MessageType.INFORM, MessageType.DISCOVER):
        return silence(packet, client, "port 4011 answers REQUEST, INFORM and DISCOVER alone")
    address, port = sender
    if packet.ciaddr not in (_NOWHERE, address):
        reason = f"says its address is {packet.ciaddr}, but the packet came from {address}"
        return silence(packet, client, reason)
    to = Destination(address, port)
    return _answer(packet, client, MessageType.ACK, to, settings, directory, now, learned=address)


def _answer(
    packet: DhcpPacket,
    client: Client,
    kind: MessageType,
    to: Destination,
    settings: DhcpSettings,
    directory: MachineDirectory,
    now: float,
    learned: IPv4Address | None = None,
) -> Decision:
    reason = _no_proxy_client(client)
    if reason:
        return _leave(packet, client, reason, directory, now)
    machine = directory.admit(client, now)
    if machine is None:
        return silence(packet, client, unknown_machine(client.mac))
    known = directory.machine(client.mac) is not None
    agreed = STANDARD
    if settings.policies:
        place = learned or settings.address.network.network_address
        agreed = terms(settings.policies, facts_of(client, machine, place))
        if agreed.ignored_by:
            return silence(packet, client, ignored_by(agreed), known=known)
    ours = settings.ip
    try:
        bootfile = directory.bootfile(client.mac, client, learned, ours)
    except PlanError as exc:  # an offer without a file would only make the firmware wait for nothing
        return silence(packet, client, str(exc), known=known)
    choice = directory.choice(client.mac, learned)
    if not bootfile:
        return silence(packet, client, f"nothing to boot from us: {choice.why}", known=known)
    asked = packet.message_type
    return Decision(
        client=client,
        message=asked.name if asked else "BOOTP",
        xid=packet.xid,
        reply=proxy_reply(kind, packet, client, ours, bootfile, agreed),
        destination=to,
        delay_seconds=agreed.delay_seconds,
        bootfile=bootfile,
        plan=choice.plan.name if choice.plan is not None else None,
        known=known,
        learned=learned,
    )


def _leave(
    packet: DhcpPacket, client: Client, reason: str, directory: MachineDirectory, now: float
) -> Decision:
    """Say nothing to a client that the other server alone can help; what it is we remember for its files."""
    known = directory.admit(client, now) is not None
    return replace(silence(packet, client, reason, known=known), elsewhere=True)


def _no_proxy_client(client: Client) -> str:
    """Why the client cannot use a proxy's answer; "" where it can."""
    if client.firmware is Firmware.RASPBERRY_PI:  # a Pi 4's later messages lack option 60
        return ""
    if not client.vendor_class.startswith(_PXE):
        return (
            f"{client.firmware} takes no proxyDHCP offer (no PXEClient or HTTPClient in option 60): "
            "let the DHCP server name the file and our address (next-server)"
        )
    return ""


def _address(packet: DhcpPacket) -> IPv4Address | None:
    """The address that the client asks the other server for, or has."""
    return packet.ciaddr if packet.ciaddr != _NOWHERE else packet.address(Option.REQUESTED_IP)
