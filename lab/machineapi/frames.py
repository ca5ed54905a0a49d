"""Frames of HTTP/2 (RFC 9113, section 6): their numbers, what they carry, and headers as bytes."""

import struct
from dataclasses import dataclass, field
from functools import lru_cache

from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = struct.Struct(">HBBBI")  # length (16 and 8 bits), type, flags, stream
SETTING = struct.Struct(">HI")
LONG = struct.Struct(">I")
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITIZED = 0x4, 0x8, 0x20

Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Told:
    """What came in, as grpclib's EventsProcessor takes it; the classes below say what it is."""

    stream_id: int = 0
    headers: Headers = field(default_factory=list)
    data: bytes = b""
    flow_controlled_length: int = 0
    error_code: int = 0
    remote_reset: bool = True
    changed_settings: tuple[int, ...] = (SettingCodes.INITIAL_WINDOW_SIZE,)


class Request(Told):
    """A stream was begun."""

    __slots__ = ()


class Response(Told):
    """It is answered."""

    __slots__ = ()


class Trailers(Told):
    """The headers at its end."""

    __slots__ = ()


class Data(Told):
    """A part of its content; whoever takes it says so."""

    __slots__ = ()


class Ended(Told):
    """The other side sends no more on it."""

    __slots__ = ()


class Reset(Told):
    """It was given up."""

    __slots__ = ()


class Updated(Told):
    """A window has grown."""

    __slots__ = ()


class Changed(Told):
    """The other side has told its settings."""

    __slots__ = ()


class Away(Told):
    """The other side ends the connection."""

    __slots__ = ()


class Pong(Told):
    """It lives."""

    __slots__ = ()


def unpadded(flags: int, payload: bytes) -> bytes:
    """Return what a frame carries. Raises ProtocolError."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ProtocolError("more padding than there are bytes")
    return payload[1 : len(payload) - payload[0]]


def number_of(payload: bytes) -> int:
    """Return the 32 bits that a frame carries. Raises ProtocolError."""
    if len(payload) != LONG.size:
        raise ProtocolError("a frame of a wrong length")
    number: int = LONG.unpack(payload)[0]
    return number


@lru_cache(256)
def literal(name: str, value: str) -> bytes:
    """One header: literal, never in a table (RFC 7541, 6.2.2), not compressed."""
    return b"\0" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    """RFC 7541, 5.2: the length, 7 bits and more where it is longer, and the octets."""
    raw = text.encode("ascii")
    length, head = len(raw), bytearray()
    if length < 127:
        return bytes((length,)) + raw
    head.append(127)
    length -= 127
    while length >= 128:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + raw
