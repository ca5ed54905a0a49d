"""Evidence from the service's own events: less than a capture tells, and there while the machine boots."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address

from pxe.events import (
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    Event,
    LogTrouble,
    OtherServer,
    TransferEnded,
    TransferRefused,
    TransferStarted,
)
from pxe.explain.evidence import Arp, Dhcp, Evidence, Ignored, Line, Network, Transfer
from pxe.plan import Arch, Firmware
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option

_NOT_FOUND, _ACCESS = 1, 2


def evidence_of(
    mac: str,
    events: Iterable[Event],
    *,
    console: Iterable[Line] = (),
    network: Network | None = None,
    conflicts: Iterable[Arp] = (),
) -> Evidence:
    """Return what `events`, all of this machine and in order, tell; `console` are lines that others saw.

    What its system said of trouble before its firmware asked anew is of an earlier boot, and left out.
    """
    teller = _Teller(mac)
    for event in events:
        teller.take(event)
    offered = {str(m.packet.yiaddr) for m in teller.dhcp if m.from_server}
    return Evidence(
        mac=mac,
        dhcp=tuple(teller.dhcp),
        transfers=tuple(teller.transfers.values()),
        ignored=tuple(teller.ignored),
        arp=tuple(arp for arp in conflicts if arp.ip in offered and arp.mac != mac),
        console=tuple(sorted((*console, *teller.lines), key=lambda it: it.t_ns)),
        network=network or Network(),
    )


class _Teller:
    def __init__(self, mac: str) -> None:
        self._chaddr = bytes.fromhex(mac.replace(":", "")) if mac else b""
        self.dhcp: list[Dhcp] = []
        self.ignored: list[Ignored] = []
        self.lines: list[Line] = []
        self.transfers: dict[str, Transfer] = {}

    def take(self, event: Event) -> None:
        match event:
            case DhcpReceived():
                self._received(event)
            case DhcpSent():
                self._sent(event)
            case DhcpIgnored():
                self.ignored.append(
                    Ignored(
                        t_ns=event.t_ns, message=event.message, reason=event.reason, elsewhere=event.elsewhere
                    )
                )
            case OtherServer():
                self._other_server(event)
            case LogTrouble():
                self.lines.append(Line(t_ns=event.t_ns, text=event.line))
            case TransferStarted() | TransferEnded() | TransferRefused():
                self._transfer(event)

    def _received(self, event: DhcpReceived) -> None:
        options = {**_kind(event.message), int(Option.VENDOR_CLASS): event.vendor_class.encode()}
        given = next((m.packet.yiaddr for m in reversed(self.dhcp) if m.from_server), None)
        if event.message == "DECLINE" and given is not None:
            options[int(Option.REQUESTED_IP)] = given.packed
        packet = DhcpPacket(op=Op.REQUEST, xid=event.xid, chaddr=self._chaddr, options=options)
        firmware, arch = _firmware(event.firmware), _arch(event.arch)
        if firmware not in (Firmware.OS, Firmware.UNKNOWN) and event.message == "DISCOVER":
            self.lines.clear()
        self.dhcp.append(Dhcp(t_ns=event.t_ns, packet=packet, whole=False, firmware=firmware, arch=arch))

    def _sent(self, event: DhcpSent) -> None:
        packet = DhcpPacket(
            op=Op.REPLY,
            xid=event.xid,
            chaddr=self._chaddr,
            yiaddr=_address(event.ip),
            file=event.bootfile.encode(),
            options=_kind(event.message),
        )
        self.dhcp.append(Dhcp(t_ns=event.t_ns, packet=packet, whole=False, source="this service"))

    def _other_server(self, event: OtherServer) -> None:
        """The machine's last REQUEST named it."""
        for at in range(len(self.dhcp) - 1, -1, -1):
            seen = self.dhcp[at]
            if not seen.from_server and seen.kind is MessageType.REQUEST:
                options = {**seen.packet.options, int(Option.SERVER_ID): _address(event.server).packed}
                self.dhcp[at] = replace(seen, packet=replace(seen.packet, options=options))
                return

    def _transfer(self, event: TransferStarted | TransferEnded | TransferRefused) -> None:
        if isinstance(event, TransferRefused):
            made = self._made(event)
            made.outcome, made.error_text = "refused", event.reason
            made.error = _ACCESS if "outside" in event.reason else _NOT_FOUND
            self.transfers[f"refused-{len(self.transfers)}"] = made
            return
        transfer = self.transfers.setdefault(event.transfer, self._made(event))
        transfer.size, transfer.upload = event.size, event.upload
        if isinstance(event, TransferEnded):
            transfer.outcome, transfer.sent = event.outcome, event.sent
            transfer.repeated, transfer.late = event.repeated, event.late
            transfer.error_text, transfer.last_ns = event.detail, event.t_ns
            if event.outcome == "aborted" and event.repeated and 0 < event.sent < event.size:
                transfer.outcome = "stalled"  # what it did not answer for long, it then gave up

    def _made(self, event: TransferStarted | TransferEnded | TransferRefused) -> Transfer:
        client, _, port = event.peer.rpartition(":")
        return Transfer(
            t_ns=event.t_ns,
            client=client,
            client_port=int(port) if port.isdigit() else 0,
            server="this service",
            protocol=event.protocol,
            name=event.name,
            last_ns=event.t_ns,
        )


def _kind(message: str) -> dict[int, bytes]:
    kind = MessageType.__members__.get(message)
    return {int(Option.MESSAGE_TYPE): bytes((kind,))} if kind is not None else {}


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        return IPv4Address(0)


def _firmware(text: str) -> Firmware:
    return Firmware(text) if text in set(Firmware) else Firmware.UNKNOWN


def _arch(text: str) -> Arch:
    return Arch(text) if text in set(Arch) else Arch.UNKNOWN
