"""Shadow mode: beside another DHCP server, what we would answer and how that differs from its answer. Pure.

Our side is the decision of `pxe.boot.offer`, so it is what server mode would send, byte for byte; the lease
tables it runs on are the shadow's own, and nothing of them goes to disk. Only a machine that was taken over
gets an answer, and that is a proxy's (`pxe.boot.proxy`): the other server keeps giving addresses, so no
address can be given twice, whoever of the two fails.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from pxe.boot.decision import Decision
from pxe.boot.offer import MachineDirectory, answer
from pxe.boot.scope import Scope
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option

_NOWHERE = IPv4Address(0)

# What differs by nature (who answers, the type), follows from the lease time (58, 59), or echoes the client.
_NOT_COMPARED = frozenset({53, 54, 58, 59, 61, 82, 97})
_FIELDS = frozenset({51, 66, 67})  # compared under names of their own
_NAMES: Mapping[int, str] = {
    1: "subnet mask",
    3: "router",
    6: "dns",
    12: "host name",
    15: "domain",
    28: "broadcast",
    42: "ntp",
    43: "vendor-specific",
    56: "message",
    60: "vendor class",
    150: "tftp servers",
    175: "ipxe",
    209: "pxelinux config",
    210: "pxelinux prefix",
}
_ADDRESSES = frozenset({1, 3, 6, 28, 42, 150})
_LONGEST = 200  # characters of a value that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A server's reply as people compare it: texts, "" or None where the reply says nothing of it."""

    message: str
    server: str
    address: str = ""
    next_server: str = ""
    bootfile: str = ""
    server_name: str = ""
    lease_seconds: int | None = None
    options: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two answers differ; "" stands for nothing."""

    field: str
    ours: str
    theirs: str


def read_answer(packet: DhcpPacket) -> Answer:
    """Return what a server's reply says; total: any bytes give some text."""
    options = packet.options
    lease = options.get(Option.LEASE_TIME)
    kind = packet.message_type
    return Answer(
        message=kind.name if kind else "BOOTP",
        server=_address(packet.address(Option.SERVER_ID)),
        address=_address(packet.yiaddr),
        next_server=_address(packet.siaddr),
        bootfile=_text(options.get(Option.BOOTFILE_NAME, packet.file)),
        server_name=_text(options.get(Option.TFTP_SERVER_NAME, packet.sname)),
        lease_seconds=int.from_bytes(lease) if lease is not None else None,
        options={
            code: _shown(code, value)
            for code, value in options.items()
            if code not in _NOT_COMPARED and code not in _FIELDS
        },
    )


def differences(ours: Answer, theirs: Answer) -> tuple[Difference, ...]:
    """Return the fields in which the two differ, those that decide a boot first."""
    pairs = [
        ("message", ours.message, theirs.message),
        ("address", ours.address, theirs.address),
        ("next-server", ours.next_server, theirs.next_server),
        ("bootfile", ours.bootfile, theirs.bootfile),
        ("server name (66)", ours.server_name, theirs.server_name),
        ("lease time (51)", _seconds(ours.lease_seconds), _seconds(theirs.lease_seconds)),
    ]
    for code in sorted(ours.options.keys() | theirs.options.keys()):
        name = f"{_NAMES[code]} ({code})" if code in _NAMES else f"option {code}"
        pairs.append((name, ours.options.get(code, ""), theirs.options.get(code, "")))
    return tuple(Difference(*pair) for pair in pairs if pair[1] != pair[2])


def answer_shadow(packet: DhcpPacket, *, scope: Scope, directory: MachineDirectory, now: float) -> Decision:
    """Decide about a message at port 67 of a shadow interface: what server mode would send is in
    `Decision.would`, and there is no reply. Raises what `directory` raises."""
    if packet.op != Op.REQUEST:  # that there is another server is no news here
        seen = answer(packet, scope=scope, directory=directory, now=now)
        return replace(seen, other_server=None, quiet=True)
    would = answer(_as_if_ours(packet, scope, directory, now), scope=scope, directory=directory, now=now)
    if would.lease is not None:  # as if it had been stored: the next message finds it
        place = scope.find(packet)
        if place is not None:
            place[1].apply(would.lease)
    said = would.reply.message_type if would.reply is not None else None
    reason = f"shadow: would have sent {said.name}" if said else f"shadow: {would.reason or 'no answer due'}"
    kind = packet.message_type
    return replace(
        would,
        message=kind.name if kind else "BOOTP",
        reply=None,
        would=would.reply,
        destination=None,
        lease=None,
        reason=reason,
        learned=_learned(packet) if would.known else None,
        quiet=True,
    )


def _as_if_ours(packet: DhcpPacket, scope: Scope, directory: MachineDirectory, now: float) -> DhcpPacket:
    """A REQUEST for another server's offer, as it would be had the client chosen ours."""
    chosen = packet.address(Option.SERVER_ID)
    if packet.message_type is not MessageType.REQUEST or chosen in (None, scope.settings.ip):
        return packet
    dropped = (Option.SERVER_ID, Option.REQUESTED_IP, Option.RAPID_COMMIT)
    options = {code: value for code, value in packet.options.items() if code not in dropped}
    discover = {**options, int(Option.MESSAGE_TYPE): bytes((MessageType.DISCOVER,))}
    offer = answer(replace(packet, options=discover), scope=scope, directory=directory, now=now).reply
    if offer is None:
        return replace(packet, options=discover)  # and its answer says why there is none
    ours = {int(Option.SERVER_ID): scope.settings.ip.packed, int(Option.REQUESTED_IP): offer.yiaddr.packed}
    return replace(packet, options={**options, **ours})


def _learned(packet: DhcpPacket) -> IPv4Address | None:
    """The address that the other server gives it, as far as its own messages tell."""
    if packet.message_type not in (MessageType.REQUEST, MessageType.INFORM):
        return None
    return packet.ciaddr if packet.ciaddr != _NOWHERE else packet.address(Option.REQUESTED_IP)


def _address(ip: IPv4Address | None) -> str:
    return str(ip) if ip is not None and ip != _NOWHERE else ""


def _seconds(value: int | None) -> str:
    return f"{value} s" if value is not None else ""


def _text(value: bytes) -> str:
    """Bytes as text in one line of bounded length, without what a terminal would act on."""
    text = value.rstrip(b"\0").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "?" for char in text)[:_LONGEST]


def _shown(code: int, value: bytes) -> str:
    if code in _ADDRESSES and value and len(value) % 4 == 0:
        return ", ".join(str(IPv4Address(value[at : at + 4])) for at in range(0, len(value), 4))[:_LONGEST]
    printable = value.rstrip(b"\0")
    if printable and printable.isascii() and printable.decode().isprintable():
        return printable.decode()[:_LONGEST]
    return value.hex(" ")[:_LONGEST]
