"""DHCP messages as a client writes and reads them: options in the firmware's own order, lenient reading."""

import struct
from dataclasses import dataclass
from typing import Final

MAGIC: Final = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
NAMES: Final = dict(
    enumerate(["DISCOVER", "OFFER", "REQUEST", "DECLINE", "ACK", "NAK", "RELEASE", "INFORM"], 1)
)
BROADCAST: Final = 0x8000
Options = list[tuple[int, bytes]]
_HEAD: Final = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_OPTIONS_AT: Final = _HEAD.size + len(MAGIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A DHCP message; addresses are text. `options` joins what was repeated, `order` has it as it came."""

    op: int
    xid: int
    secs: int
    flags: int
    ciaddr: str
    yiaddr: str
    siaddr: str
    giaddr: str
    mac: str
    sname: bytes
    file: bytes
    options: dict[int, bytes]
    order: tuple[int, ...]
    size: int
    sender: str = ""
    port: int = 0
    to: str = ""

    @property
    def kind(self) -> int:
        """Option 53; 0 without one."""
        return int.from_bytes(self.options.get(53, b"")[:1])

    @property
    def server(self) -> str:
        """Option 54; "" without one."""
        return dotted(self.options.get(54, b""))

    @property
    def bootfile(self) -> str:
        """Option 67, else the header's file."""
        name = self.options.get(67, b"").rstrip(b"\0") or self.file
        return name.decode("utf-8", "replace")

    @property
    def is_pxe(self) -> bool:
        """Whether the server calls itself one for PXE (option 60)."""
        return self.options.get(60, b"").startswith(b"PXEClient")

    def pxe(self) -> dict[int, bytes]:
        """The suboptions of option 43."""
        return dict(items(self.options.get(43, b"")))


def dotted(packed: bytes) -> str:
    """Four bytes as text; "" for anything else."""
    return ".".join(map(str, packed)) if len(packed) == 4 else ""


def packed(text: str) -> bytes:
    """The four bytes of an address."""
    return bytes(map(int, text.split(".")))


def build(
    mac: str,
    xid: int,
    options: Options,
    *,
    secs: int = 0,
    flags: int = 0,
    ciaddr: str = "0.0.0.0",
    giaddr: str = "0.0.0.0",
    hops: int = 0,
    file: bytes = b"",
    size: int = 0,
) -> bytes:
    """Return a client's message, padded to `size` bytes."""
    chaddr, nowhere = bytes.fromhex(mac.replace(":", "")), bytes(4)
    head = _HEAD.pack(
        *(
            1,
            1,
            6,
            hops,
            xid,
            secs,
            flags,
            packed(ciaddr),
            nowhere,
            nowhere,
            packed(giaddr),
            chaddr,
            b"",
            file,
        )
    )
    body = b"".join(bytes((code, len(value))) + value for code, value in options)
    return (head + MAGIC + body + b"\xff").ljust(size, b"\0")


def parse(data: bytes, sender: tuple[str, int] = ("", 0), to: str = "") -> Message | None:
    """Return the message in a datagram, None where it holds none. What is cut short ends its options."""
    if len(data) < _OPTIONS_AT or data[_HEAD.size : _OPTIONS_AT] != MAGIC:
        return None
    op, _, hlen, _, xid, secs, flags, ci, yi, si, gi, chaddr, sname, file = _HEAD.unpack_from(data)
    found, overload = list(items(data[_OPTIONS_AT:])), 0
    overload = int.from_bytes(dict(found).get(52, b"")[:1])
    for bit, where in ((1, file), (2, sname)):
        found += items(where) if overload & bit else ()
    joined: dict[int, bytes] = {}
    for code, value in found:
        joined[code] = joined.get(code, b"") + value
    return Message(
        op=op,
        xid=xid,
        secs=secs,
        flags=flags,
        ciaddr=dotted(ci),
        yiaddr=dotted(yi),
        siaddr=dotted(si),
        giaddr=dotted(gi),
        mac=chaddr[:hlen].hex(":"),
        sname=b"" if overload & 2 else sname.partition(b"\0")[0],
        file=b"" if overload & 1 else file.partition(b"\0")[0],
        options=joined,
        order=tuple(code for code, _ in found),
        size=len(data),
        sender=sender[0],
        port=sender[1],
        to=to,
    )


def items(area: bytes) -> list[tuple[int, bytes]]:
    """Code, length, value ..., as in the options field and inside option 43."""
    found, at = [], 0
    while at + 1 < len(area) and area[at] != 255:
        if area[at] == 0:
            at += 1
            continue
        found.append((area[at], area[at + 2 : at + 2 + area[at + 1]]))
        at += 2 + area[at + 1]
    return found
