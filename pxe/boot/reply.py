"""The bytes of a DHCP answer and where it goes: header fields, options, and what each firmware must find.

Options are sent whether the client asked for them in option 55 or not: several boot ROMs forget to ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import NamedTuple

from pxe.boot.classify import Client
from pxe.boot.policy import STANDARD, Terms
from pxe.plan import Firmware
from pxe.settings import DhcpSettings, Subnet
from pxe.wire.dhcp4 import (
    BROADCAST_FLAG,
    FILE_SIZE,
    DhcpPacket,
    EncodedOptions,
    MessageType,
    Op,
    Option,
    encoded_size,
)

BROADCAST = IPv4Address("255.255.255.255")
_NOWHERE = IPv4Address(0)

# Option 57 counts IP and UDP headers too. EDK2 sends 65280 in its REQUEST (255 with the bytes swapped), so
# what the client says is clamped: RFC 2131's minimum to what fits an Ethernet frame.
_MAX_SIZE = (576, 1472)
_KEPT = 1024  # sets of options: one for each kind of client and boot file
_MAX_MESSAGE_SIZE = int(Option.MAX_MESSAGE_SIZE)
_IP_AND_UDP_HEADERS = 28

# A Pi 4 takes option 43 or 66, a Pi 3 only this menu of one entry; a Pi 5 as the Pi 4.
_PI_MENU = bytes.fromhex("06 01 03 0a 04 00 50 58 45 09 14 00 00 11") + b"Raspberry Pi Boot\xff"
_USE_FILE_AT_ONCE = bytes((6, 1, 8, 255))  # option 43.6, bit 3
# iPXE's option 175.176 "no-pxedhcp": it need not wait two seconds for a proxyDHCP offer.
_NO_PXEDHCP = bytes([0xB0, 1, 1])

_ECHOED = tuple(map(int, (Option.CLIENT_UUID, Option.CLIENT_ID, Option.RELAY_AGENT)))  # RFC 4578, 6842, 3046

_FIRMWARE_OPTIONS: Mapping[Firmware, Mapping[int, bytes]] = {
    Firmware.IPXE: {Option.IPXE: _NO_PXEDHCP},
    Firmware.UEFI_HTTP: {Option.VENDOR_CLASS: b"HTTPClient"},  # EDK2 drops offers without it
    Firmware.RASPBERRY_PI: {Option.VENDOR_CLASS: b"PXEClient", Option.VENDOR_SPECIFIC: _PI_MENU},
    # UEFI_PXE gets no option 60: with it and without 43 EDK2 turns to port 4011, where nobody listens.
}


@dataclass(slots=True)  # not frozen: see DhcpPacket
class Destination:
    """Where a reply is sent. With `mac` it is for that client alone: `ip` is not its address yet, so it must
    go in a frame of its own, and where that cannot be sent, as a broadcast.
    """

    ip: IPv4Address
    port: int
    mac: bytes = b""


def destination(request: DhcpPacket, reply: DhcpPacket, settings: DhcpSettings) -> Destination:
    """RFC 2131 section 4.1."""
    if request.giaddr != _NOWHERE:
        return Destination(request.giaddr, settings.port)  # a relay listens where servers do
    if reply.message_type is MessageType.NAK or request.flags & BROADCAST_FLAG:
        renewing = reply.message_type is MessageType.ACK and request.ciaddr != _NOWHERE
        return Destination(request.ciaddr if renewing else BROADCAST, settings.client_port)
    if request.ciaddr != _NOWHERE and reply.message_type is MessageType.ACK:
        return Destination(request.ciaddr, settings.client_port)
    if reply.yiaddr == _NOWHERE:
        return Destination(BROADCAST, settings.client_port)
    return Destination(reply.yiaddr, settings.client_port, request.chaddr)


def grant(
    kind: MessageType,
    request: DhcpPacket,
    client: Client,
    ours: IPv4Address,
    subnet: Subnet,
    *,
    ip: IPv4Address | None,
    bootfile: str,
    terms: Terms = STANDARD,
) -> DhcpPacket:
    """Return the OFFER or ACK; `ip` is None for the ACK of an INFORM, which gives no address and no lease."""
    # RFC 4039: the client must see that this is no stray ACK
    rapid = kind is MessageType.ACK and request.message_type is MessageType.DISCOVER
    seconds = None if ip is None else terms.lease_seconds or subnet.lease_seconds
    given = _Given(kind, rapid, client.firmware, bootfile, seconds, tuple(terms.options.items()), id(subnet))
    common, name = _common(given, ours, subnet)
    return _reply(
        request,
        common,
        ciaddr=request.ciaddr if kind is MessageType.ACK else _NOWHERE,
        yiaddr=ip or _NOWHERE,
        siaddr=ours,  # U-Boot loads from here and ignores option 66
        file=name if len(name) < FILE_SIZE else b"",  # option 67 has room for longer names
    )


class _Given(NamedTuple):
    """What the options of a grant follow from, but for those that the client itself sent. `subnet` is the
    identity of one: its fields would take long to compare."""

    kind: MessageType
    rapid: bool
    firmware: Firmware
    bootfile: str
    lease_seconds: int | None
    more: tuple[tuple[int, bytes], ...]
    subnet: int


_made: dict[_Given, tuple[EncodedOptions, bytes, Subnet, IPv4Address]] = {}


def _common(given: _Given, ours: IPv4Address, subnet: Subnet) -> tuple[EncodedOptions, bytes]:
    """The options, and the name of the file; kept, because a rack's machines mostly get the same."""
    found = _made.get(given)
    if found is not None and found[2] is subnet and found[3] == ours:
        return found[0], found[1]
    made = EncodedOptions(common_options(given, ours, subnet))
    if len(_made) >= _KEPT:
        _made.clear()
    name = given.bootfile.encode()
    _made[given] = made, name, subnet, ours  # with the subnet, so that no other can get its identity
    return made, name


def common_options(given: _Given, ours: IPv4Address, subnet: Subnet) -> dict[int, bytes]:
    """The options of an OFFER or ACK in the order in which they are sent, without those that come back."""
    kind, firmware = given.kind, given.firmware
    options: dict[int, bytes] = {Option.MESSAGE_TYPE: bytes((kind,)), Option.SERVER_ID: ours.packed}
    if given.lease_seconds is not None:
        options |= _lease_times(given.lease_seconds)
    options[Option.SUBNET_MASK] = subnet.network.netmask.packed
    if subnet.router is not None:
        options[Option.ROUTER] = subnet.router.packed
    if subnet.dns:
        options[Option.DNS_SERVER] = b"".join(server.packed for server in subnet.dns)
    if given.rapid:
        options[Option.RAPID_COMMIT] = b""
    name = given.bootfile.encode()
    if name:
        options[Option.BOOTFILE_NAME] = name
        options[Option.TFTP_SERVER_NAME] = str(ours).encode()
    if name or firmware is Firmware.IPXE:
        options.update(_FIRMWARE_OPTIONS.get(firmware, {}))
    options.update(subnet.options)
    options.update(given.more)
    return options


def proxy_reply(
    kind: MessageType, request: DhcpPacket, client: Client, ours: IPv4Address, bootfile: str, terms: Terms
) -> DhcpPacket:
    """Return the OFFER or ACK of a proxy: what to boot, and no address (PXE 2.1 section 2.2).

    With option 43 saying "use the file at once" EDK2 and BIOS ROMs load it without a turn to port 4011.
    """
    name = bootfile.encode()
    http = client.firmware is Firmware.UEFI_HTTP
    options: dict[int, bytes] = {
        Option.MESSAGE_TYPE: bytes((kind,)),  # EDK2 takes a reply without it for BOOTP, and drops it
        Option.SERVER_ID: ours.packed,
        Option.VENDOR_CLASS: b"HTTPClient" if http else b"PXEClient",
        Option.BOOTFILE_NAME: name,
        Option.TFTP_SERVER_NAME: str(ours).encode(),
    }
    if not http:
        pi = client.firmware is Firmware.RASPBERRY_PI
        options[Option.VENDOR_SPECIFIC] = _PI_MENU if pi else _USE_FILE_AT_ONCE
    options.update(terms.options)
    file = name if len(name) < FILE_SIZE else b""
    return _reply(request, options, ciaddr=request.ciaddr, siaddr=ours, file=file)


def refusal(request: DhcpPacket, settings: DhcpSettings, why: str) -> DhcpPacket:
    """Return the NAK; `why` goes into option 56, where client logs show it."""
    options: dict[int, bytes] = {
        Option.MESSAGE_TYPE: bytes([MessageType.NAK]),
        Option.SERVER_ID: settings.ip.packed,
        Option.MESSAGE: why.encode()[:255],
    }
    # A relay must broadcast it: the client has no address that it could be sent to (RFC 2131 section 4.3.2).
    flags = request.flags | BROADCAST_FLAG if request.giaddr != _NOWHERE else request.flags
    return _reply(request, options, flags=flags)


def _lease_times(seconds: int) -> Mapping[int, bytes]:
    """Lease, T1 and T2 with the defaults of RFC 2131 section 4.4.5."""
    return {
        Option.LEASE_TIME: seconds.to_bytes(4),
        Option.RENEWAL_TIME: (seconds // 2).to_bytes(4),
        Option.REBINDING_TIME: (seconds * 7 // 8).to_bytes(4),
    }


def _reply(
    request: DhcpPacket,
    options: Mapping[int, bytes],
    *,
    flags: int | None = None,
    ciaddr: IPv4Address = _NOWHERE,
    yiaddr: IPv4Address = _NOWHERE,
    siaddr: IPv4Address = _NOWHERE,
    file: bytes = b"",
) -> DhcpPacket:
    """Header fields of RFC 2131 table 3, and the request's own options that must come back to it."""
    asked = request.options
    echoed = {code: asked[code] for code in _ECHOED if code in asked}
    if echoed:
        if isinstance(options, EncodedOptions) and options.keys().isdisjoint(_ECHOED):
            options = options.followed_by(echoed)
        else:
            options = {**options, **echoed}
    return _fit(
        DhcpPacket(
            op=Op.REPLY,
            htype=request.htype,
            hlen=request.hlen,
            xid=request.xid,
            flags=request.flags if flags is None else flags,
            ciaddr=ciaddr,
            yiaddr=yiaddr,
            siaddr=siaddr,
            giaddr=request.giaddr,
            chaddr=request.chaddr,
            file=file,
            options=options,
        ),
        _size_limit(request),
    )


def _size_limit(request: DhcpPacket) -> int:
    """Longest UDP payload that the client takes."""
    low, high = _MAX_SIZE
    told = request.options.get(_MAX_MESSAGE_SIZE)
    asked = low if told is None else min(max(int.from_bytes(told), low), high)
    return asked - _IP_AND_UDP_HEADERS


def _fit(reply: DhcpPacket, limit: int) -> DhcpPacket:
    """Leave out options until the reply fits: what a client sent is echoed, but cannot swell the answer."""
    if encoded_size(reply) <= limit:
        return reply
    spare = [Option.CLIENT_ID, Option.CLIENT_UUID, Option.TFTP_SERVER_NAME, Option.DNS_SERVER]
    while spare and encoded_size(reply) > limit:
        dropped = spare.pop(0)
        reply = replace(reply, options={k: v for k, v in reply.options.items() if k != dropped})
    return reply
