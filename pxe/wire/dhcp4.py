"""DHCP messages (RFC 2131, options RFC 2132): bytes <-> `DhcpPacket`. No sockets, no clock, no policy.

What comes off the wire is hostile: `decode` raises WireError and nothing else, on any bytes. It is lenient
where firmware is known to be sloppy (no end option, padding anywhere) and strict where a guess would give a
machine the wrong address (options that run over the end, addresses that are not four bytes).

Every message passes here twice, so some things are done the quicker way: docs/adr/0009 has the figures.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address
from itertools import starmap

from pxe.errors import WireError

MAGIC_COOKIE = b"\x63\x82\x53\x63"  # RFC 2131 section 3
MIN_SIZE = 300  # RFC 1542 section 2.1: relays and old clients drop anything shorter
BROADCAST_FLAG = 0x8000
ETHERNET = 1  # hardware type, RFC 1700
CHADDR_SIZE = 16
SNAME_SIZE = 64
FILE_SIZE = 128

_HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_FIXED_SIZE = _HEADER.size + len(MAGIC_COOKIE)
_CHUNK = 255  # longest value that one length byte can tell
_ZERO = IPv4Address(0)


class Op(IntEnum):
    """Direction of a message."""

    REQUEST = 1
    REPLY = 2


class MessageType(IntEnum):
    """Values of option 53 (RFC 2132 section 9.6)."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


_TYPES = {bytes((kind,)): kind for kind in MessageType}


class Option(IntEnum):
    """Option codes that we read or write; a packet may carry any other as a plain int."""

    PAD = 0
    SUBNET_MASK = 1
    ROUTER = 3
    DNS_SERVER = 6
    VENDOR_SPECIFIC = 43
    REQUESTED_IP = 50
    LEASE_TIME = 51
    OVERLOAD = 52
    MESSAGE_TYPE = 53
    SERVER_ID = 54
    PARAMETER_REQUEST_LIST = 55
    MESSAGE = 56
    MAX_MESSAGE_SIZE = 57
    RENEWAL_TIME = 58
    REBINDING_TIME = 59
    VENDOR_CLASS = 60
    CLIENT_ID = 61
    TFTP_SERVER_NAME = 66
    BOOTFILE_NAME = 67
    USER_CLASS = 77  # RFC 3004
    RAPID_COMMIT = 80  # RFC 4039
    RELAY_AGENT = 82  # RFC 3046
    CLIENT_ARCH = 93  # RFC 4578
    CLIENT_NDI = 94
    CLIENT_UUID = 97
    IPXE = 175  # Etherboot's encapsulated options
    END = 255


# A wrong length here would make us read another request than the client meant.
_EXACT_LENGTH = {50: 4, 51: 4, 53: 1, 54: 4}  # REQUESTED_IP, LEASE_TIME, MESSAGE_TYPE, SERVER_ID
_FILE_CARRIES_OPTIONS = 1  # bits of option 52, RFC 2132 section 9.3
_SNAME_CARRIES_OPTIONS = 2
_END_OPTION = bytes([Option.END])
_TYPE, _RELAY = int(Option.MESSAGE_TYPE), int(Option.RELAY_AGENT)
_NEVER_SENT = {Option.PAD, Option.END, Option.OVERLOAD}
_PAD, _END, _OVERLOAD = int(Option.PAD), int(Option.END), int(Option.OVERLOAD)  # compared for every byte


class EncodedOptions(dict[int, bytes]):
    """Options that know their bytes in a message, which `encode` then need not make: most replies of a rack
    differ in the header alone. To be left as they were made.
    """

    __slots__ = ("encoded",)

    def __init__(self, options: Mapping[int, bytes]) -> None:
        """Raises ValueError for options that cannot be sent."""
        super().__init__(options)
        self.encoded = _encode_options(options)

    def followed_by(self, more: Mapping[int, bytes]) -> "EncodedOptions":
        """These and `more` after them, as they stand there. None may be in both, and RELAY_AGENT can only be
        the last of `more`."""
        made = EncodedOptions.__new__(EncodedOptions)
        made.update(self)
        made.update(more)
        made.encoded = b"".join([self.encoded, *starmap(_option, more.items())])
        return made


@dataclass(slots=True, kw_only=True)
class DhcpPacket:
    """One DHCP message; field names as in RFC 2131 section 2. To be left as it was made: it is not frozen
    only because Python takes twice as long to make a frozen one.

    `chaddr` holds `hlen` bytes. `sname` and `file` hold the text before the first NUL, b"" where they carried
    options. `options` maps code -> whole value in the order of first appearance: repeated options are joined
    (RFC 3396), pad, end and overload are gone.
    """

    op: int
    htype: int = ETHERNET
    hlen: int = 6
    hops: int = 0
    xid: int
    secs: int = 0
    flags: int = 0
    ciaddr: IPv4Address = _ZERO
    yiaddr: IPv4Address = _ZERO
    siaddr: IPv4Address = _ZERO
    giaddr: IPv4Address = _ZERO
    chaddr: bytes
    sname: bytes = b""
    file: bytes = b""
    options: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def mac(self) -> str:
        """The hardware address as `aa:bb:cc:dd:ee:ff`, however many bytes it has."""
        return self.chaddr.hex(":")

    @property
    def message_type(self) -> MessageType | None:
        """Option 53; None where it is absent (a BOOTP client) or unknown."""
        value = self.options.get(_TYPE)
        return _TYPES.get(value) if value is not None else None

    def address(self, code: int) -> IPv4Address | None:
        """The value of an option that holds one address, such as REQUESTED_IP; None where it is absent."""
        value = self.options.get(code)
        return ip_address(value) if value is not None and len(value) == 4 else None


@lru_cache(maxsize=1024)
def ip_address(packed: bytes) -> IPv4Address:
    """IPv4Address(packed), which takes a microsecond: most are zero, a relay's or ours."""
    return IPv4Address(packed)


def decode(data: bytes) -> DhcpPacket:
    """Return the message in a UDP payload. Raises WireError, naming what is wrong, and nothing else."""
    if len(data) < _FIXED_SIZE:
        raise WireError(f"{len(data)} bytes are too few for a DHCP message, which has at least {_FIXED_SIZE}")
    if data[_HEADER.size : _FIXED_SIZE] != MAGIC_COOKIE:
        raise WireError("no DHCP magic cookie 63825363 after the header: plain BOOTP, or not DHCP at all")
    op, htype, hlen, hops, xid, secs, flags, ci, yi, si, gi, chaddr, sname, file = _HEADER.unpack_from(data)
    if op not in (Op.REQUEST, Op.REPLY):
        raise WireError(f"op is {op}, neither 1 (request) nor 2 (reply)")
    if hlen > CHADDR_SIZE:
        raise WireError(f"hlen is {hlen}, but chaddr has room for {CHADDR_SIZE} bytes")
    options, sname, file = _all_options(data[_FIXED_SIZE:], sname, file)
    return DhcpPacket(
        op=op,
        htype=htype,
        hlen=hlen,
        hops=hops,
        xid=xid,
        secs=secs,
        flags=flags,
        ciaddr=ip_address(ci),
        yiaddr=ip_address(yi),
        siaddr=ip_address(si),
        giaddr=ip_address(gi),
        chaddr=chaddr[:hlen],
        sname=sname.partition(b"\0")[0],
        file=file.partition(b"\0")[0],
        options=options,
    )


def _all_options(area: bytes, sname: bytes, file: bytes) -> tuple[dict[int, bytes], bytes, bytes]:
    """Options of all fields, joined in RFC 3396's order; sname and file, empty where they carried options."""
    parts: dict[int, bytes] = {}
    _parse_options(area, parts)
    # Only the real options field may say that others carry options too, or the two could chain.
    overload = parts.pop(_OVERLOAD, b"")[:1]
    if overload:
        sname, file = _overloaded(overload[0], sname, file, parts)
    for code, length in _EXACT_LENGTH.items():
        if code in parts and len(parts[code]) != length:
            raise WireError(f"option {code} has {len(parts[code])} bytes instead of {length}")
    return parts, sname, file


def _overloaded(overload: int, sname: bytes, file: bytes, parts: dict[int, bytes]) -> tuple[bytes, bytes]:
    """Append the options that sname and file carry; return what is left in these."""
    if overload & _FILE_CARRIES_OPTIONS:
        _parse_options(file, parts)
        file = b""
    if overload & _SNAME_CARRIES_OPTIONS:
        _parse_options(sname, parts)
        sname = b""
    parts.pop(_OVERLOAD, None)
    return sname, file


def _parse_options(area: bytes, parts: dict[int, bytes]) -> None:
    """Append the options in `area` to `parts`. Raises WireError where one runs over the end."""
    at, end = 0, len(area)
    while at < end:
        code = area[at]
        if code == _END:
            return
        if code == _PAD:
            at += 1
            continue
        if at + 1 == end:
            raise WireError(f"the message ends after the code of option {code}")
        length = area[at + 1]
        value = area[at + 2 : at + 2 + length]
        if len(value) < length:
            raise WireError(f"option {code} says {length} bytes, but the message ends after {len(value)}")
        parts[code] = parts[code] + value if code in parts else value
        at += 2 + length


def encode(packet: DhcpPacket) -> bytes:
    """Return the UDP payload: at least 300 bytes, option 53 first (some firmware looks nowhere else), 82 last
    (RFC 3046 section 2.1), values over 255 bytes in pieces (RFC 3396). Option 52 is never made.

    Raises ValueError for a packet that no message can hold: a bug of the caller, never the peer's doing.
    """
    if packet.hlen != len(packet.chaddr) or packet.hlen > CHADDR_SIZE:
        raise ValueError(f"hlen {packet.hlen} does not fit chaddr {packet.chaddr.hex(':')}")
    if len(packet.sname) > SNAME_SIZE or len(packet.file) > FILE_SIZE:
        raise ValueError(f"sname {packet.sname!r} or file {packet.file!r} is longer than its field")
    try:
        header = _HEADER.pack(
            packet.op,
            packet.htype,
            packet.hlen,
            packet.hops,
            packet.xid,
            packet.secs,
            packet.flags,
            packet.ciaddr.packed,
            packet.yiaddr.packed,
            packet.siaddr.packed,
            packet.giaddr.packed,
            packet.chaddr,
            packet.sname,
            packet.file,
        )
    except struct.error as exc:
        raise ValueError(f"a field of {packet!r} is out of range: {exc}") from exc
    options = packet.options
    encoded = options.encoded if type(options) is EncodedOptions else _encode_options(options)
    return (header + MAGIC_COOKIE + encoded + _END_OPTION).ljust(MIN_SIZE, b"\0")


def encoded_size(packet: DhcpPacket) -> int:
    """Length of `encode(packet)`, without making it."""
    options = packet.options
    if type(options) is EncodedOptions:
        return max(_FIXED_SIZE + len(options.encoded) + 1, MIN_SIZE)
    values = options.values()
    size = _FIXED_SIZE + 1 + 2 * len(values) + sum(map(len, values))
    if size > _FIXED_SIZE + _CHUNK:  # one of them may be so long that it goes in pieces
        size += sum(2 * ((len(value) - 1) // _CHUNK) for value in values if value)
    return max(size, MIN_SIZE)


def _encode_options(options: Mapping[int, bytes]) -> bytes:
    return b"".join([_encode_option(code, options[code]) for code in _sending_order(options)])


def _sending_order(options: Mapping[int, bytes]) -> list[int]:
    order = list(options)
    if _TYPE in options and order[0] != _TYPE:
        order.remove(_TYPE)
        order.insert(0, _TYPE)
    if _RELAY in options and order[-1] != _RELAY:
        order.remove(_RELAY)
        order.append(_RELAY)
    return order


def _option(code: int, value: bytes) -> bytes:
    if code in _NEVER_SENT or not 0 < code < Option.END:
        raise ValueError(f"option {code} cannot be sent")
    if len(value) <= _CHUNK:
        return bytes((code, len(value))) + value
    pieces = [value[i : i + _CHUNK] for i in range(0, len(value), _CHUNK)]
    return b"".join(bytes([code, len(piece)]) + piece for piece in pieces)


# Most options of our replies are the same for all machines.
_encode_option = lru_cache(maxsize=1024)(_option)
