"""Malformed DHCP answers: a valid one first, then what is wrong with it. Pure: bytes in, bytes out.

What firmware got wrong before: EDK2's PixieFail (CVE-2023-45229 to -45237), U-Boot's message type read out of
bounds, iPXE's underlength packets.
"""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from pxe.wire.dhcp4 import DhcpPacket

_HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_COOKIE = b"\x63\x82\x53\x63"
_NOWHERE = bytes(4)
OFFER, ACK, NAK = 2, 5, 6
_ADDRESSES = (1, 2, 3, 4, 5, 6, 7, 26, 28, 33, 42, 51, 54, 58, 59, 119, 121, 128, 150)
_KNOWN = (*_ADDRESSES, 12, 13, 15, 17, 43, 60, 66, 67, 93, 97, 125, 175, 208, 209, 210)
_STRANGE = ("0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1", "240.0.0.1", "10.99.0.0", "10.99.0.255")


@dataclass
class Reply:
    """An answer in parts, so that each can be made wrong. `options` in order, as (code, value)."""

    xid: int
    chaddr: bytes
    kind: int
    server: bytes
    client: bytes
    bootfile: bytes = b"hostile.img"
    op: int = 1 + 1
    htype: int = 1
    hlen: int = 6
    siaddr: bytes = b""
    giaddr: bytes = _NOWHERE
    sname: bytes = b""
    file: bytes = b""
    cookie: bytes = _COOKIE
    options: list[tuple[int, bytes]] = field(default_factory=list)
    end: bytes = b"\xff"

    def head(self) -> bytes:
        """The fixed part of 236 bytes."""
        return _HEADER.pack(
            *(self.op, self.htype, self.hlen, 0, self.xid, 0, 0x8000, _NOWHERE, self.client),
            *(self.siaddr or self.server, self.giaddr, self.chaddr.ljust(16, b"\0"), self.sname),
            self.file or self.bootfile[:127],
        )

    def encode(self) -> bytes:
        """The whole datagram."""
        body = b"".join(bytes((code, len(value) & 255)) + value for code, value in self.options)
        return self.head() + self.cookie + body + self.end


def valid(request: DhcpPacket, server: IPv4Address, client: IPv4Address, kind: int) -> Reply:
    """A well-formed answer to `request`: OFFER or ACK."""
    reply = Reply(request.xid, bytes(request.chaddr), kind, server.packed, client.packed)
    reply.options = [
        (53, bytes((kind,))),
        (54, server.packed),
        (51, (3600).to_bytes(4)),
        (1, bytes((255, 255, 255, 0))),
        (3, server.packed),
        (66, str(server).encode()),
        (67, reply.bootfile),
    ]
    if request.options.get(60, b"").startswith(b"HTTPClient"):  # EDK2's HTTP boot takes nothing else
        reply.bootfile = b"http://%b/hostile.efi" % str(server).encode()
        reply.options[-1] = (67, reply.bootfile)
        reply.options.append((60, b"HTTPClient"))
    return reply


def _set(reply: Reply, code: int, value: bytes) -> None:
    reply.options = [(c, value if c == code else v) for c, v in reply.options]
    if all(c != code for c, _ in reply.options):
        reply.options.append((code, value))


def _length_past_end(reply: Reply, rng: random.Random) -> bytes:
    code = rng.choice(_KNOWN)
    return reply.head() + _COOKIE + reply.encode()[240:-1] + bytes((code, rng.choice((1, 4, 128, 255))))


def _lying_length(reply: Reply, rng: random.Random) -> bytes:
    data = bytearray(reply.encode())
    at, places = 240, []
    while at + 1 < len(data) and data[at] != 255:
        places.append(at + 1)
        at += 2 + data[at + 1]
    for place in rng.sample(places, rng.randint(1, 3)):
        data[place] = rng.choice([lie for lie in (0, 1, 2, 3, 5, 127, 254, 255) if lie != data[place]])
    return bytes(data)


def _empty_options(reply: Reply, rng: random.Random) -> bytes:
    for code in rng.sample(_KNOWN, 12):
        _set(reply, code, b"")
    if rng.random() < 0.3:
        _set(reply, 53, b"")
    return reply.encode()


def _huge_options(reply: Reply, rng: random.Random) -> bytes:
    for code in rng.sample(_KNOWN, rng.randint(1, 4)):
        _set(reply, code, rng.choice((b"\xff", b"A", b"\0", b"%n")) * (255 // 2))
    return reply.encode()


def _no_end(reply: Reply, rng: random.Random) -> bytes:
    reply.end = bytes(rng.choice((0, 1, 59))) if rng.random() < 0.5 else b"\x0c"
    return reply.encode()


def _cookie(reply: Reply, rng: random.Random) -> bytes:
    reply.cookie = rng.choice((b"", b"\0\0\0\0", b"\x63\x82\x53", b"\x63\x82\x53\x62"))
    return reply.encode()


def _overload(reply: Reply, rng: random.Random) -> bytes:
    again = bytes((52, 1, 3))
    tail = rng.choice((b"", b"\xff", bytes((67, 200)), bytes((53, 255))))
    reply.file = (again * 20 + tail).ljust(128, again[:1])[:128]
    reply.sname = (again + bytes((67, 70)) + b"A" * 70)[:64]
    reply.options.insert(rng.randint(0, 3), (52, bytes((rng.choice((1, 2, 3, 255)),))))
    return reply.encode()


def _long_bootfile(reply: Reply, rng: random.Random) -> bytes:
    name = rng.choice((b"A" * 300, b"../" * 100, b"%s%n" * 75, b"tftp://" + b"[" * 293))
    reply.file = name[:128]
    reply.sname = b"S" * 64
    reply.options = [(c, v) for c, v in reply.options if c != 67] + [(67, name[:255]), (67, name[255:])]
    return reply.encode()


def _absurd_addresses(reply: Reply, rng: random.Random) -> bytes:
    def strange() -> bytes:
        return rng.choice((IPv4Address(rng.choice(_STRANGE)).packed, reply.server, rng.randbytes(4)))

    reply.client, reply.siaddr, reply.giaddr = strange(), strange(), strange()
    for code in rng.sample((1, 3, 6, 28, 54), 3):
        _set(reply, code, strange())
    return reply.encode()


def _cut(reply: Reply, rng: random.Random) -> bytes:
    data = reply.encode()
    return data[
        : rng.choice((0, 1, 27, 28, 43, 44, 108, 235, 236, 239, 240, 241, 242, rng.randrange(len(data))))
    ]


def _giant(reply: Reply, rng: random.Random) -> bytes:
    while len(reply.encode()) < 1200:
        reply.options.append((rng.choice(_KNOWN), rng.randbytes(rng.randint(0, 255))))
    return reply.encode()[: rng.choice((1024, 1400, 1472))]


def _many_addresses(reply: Reply, rng: random.Random) -> bytes:
    for code in (3, 6, 42):
        _set(
            reply, code, b"".join(rng.randbytes(4) for _ in range(63)) + rng.choice((b"", b"\x01", b"\1\2\3"))
        )
    return reply.encode()


def _nasty_strings(reply: Reply, rng: random.Random) -> bytes:
    texts = (
        b"a;reset",
        b"${bootcmd}",
        b"x\nsetenv bootcmd reset",
        b"%n%n%s%s",
        b"\xff" * 40,
        b"a=b=c",
        b"\x1b[2J",
    )
    for code in (12, 15, 17, 40, 66, 67):
        _set(reply, code, rng.choice(texts))
    return reply.encode()


def _vendor_garbage(reply: Reply, rng: random.Random) -> bytes:
    subs = b"".join(
        bytes((rng.choice((1, 6, 7, 8, 9, 10, 71)), rng.choice((0, 1, 7, 200, 255))))
        + rng.randbytes(rng.randint(0, 9))
        for _ in range(rng.randint(1, 12))
    )
    _set(reply, 60, rng.choice((b"PXEClient", b"PXEClien", b"HTTPClient", b"PXEClient" * 20)))
    _set(reply, 43, subs[:255])
    return reply.encode()


def _wrong_header(reply: Reply, rng: random.Random) -> bytes:
    reply.op, reply.htype, reply.hlen = rng.choice(
        ((1, 1, 6), (0, 0, 0), (2, 255, 255), (2, 1, 16), (2, 6, 17))
    )
    if rng.random() < 0.5:
        reply.chaddr = rng.randbytes(16)
    return reply.encode()


def _contradiction(reply: Reply, rng: random.Random) -> bytes:
    reply.options += [(53, bytes((rng.randrange(256),))) for _ in range(3)] + [(54, rng.randbytes(4))] * 3
    _set(reply, 51, rng.choice((b"\0" * 4, b"\xff" * 4, b"\0\0\0\1")))
    return reply.encode()


def _noise(reply: Reply, rng: random.Random) -> bytes:
    return reply.head() + _COOKIE + rng.randbytes(rng.randint(1, 600))


def _bit_flips(reply: Reply, rng: random.Random) -> bytes:
    data = bytearray(reply.encode())
    for at in rng.sample(range(len(data)), rng.randint(1, 12)):
        data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def _refusal(reply: Reply, rng: random.Random) -> bytes:
    reply.kind = NAK
    reply.options = [
        (53, bytes((NAK,))),
        (54, reply.server),
        (56, rng.choice((b"", b"%s%n" * 60, b"A" * 255))),
    ]
    return reply.encode()


MALFORMED: dict[str, Callable[[Reply, random.Random], bytes]] = {
    "absurd-addresses": _absurd_addresses,
    "bit-flips": _bit_flips,
    "contradiction": _contradiction,
    "cookie": _cookie,
    "cut": _cut,
    "empty-options": _empty_options,
    "giant": _giant,
    "huge-options": _huge_options,
    "length-past-end": _length_past_end,
    "long-bootfile": _long_bootfile,
    "lying-length": _lying_length,
    "many-addresses": _many_addresses,
    "nasty-strings": _nasty_strings,
    "no-end": _no_end,
    "noise": _noise,
    "overload": _overload,
    "refusal": _refusal,
    "vendor-garbage": _vendor_garbage,
    "wrong-header": _wrong_header,
}


def malformed(name: str, reply: Reply, rng: random.Random) -> bytes:
    """Return the bytes of `reply` with the malformation `name`."""
    return MALFORMED[name](reply, rng)
