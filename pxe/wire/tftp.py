"""TFTP packets: bytes <-> messages (RFC 1350, 2347, 2348, 2349, 7440). No sockets, no files, no clock.

Names from the wire are bytes of unknown encoding: they are decoded as UTF-8 with surrogateescape, so that
`os.fsencode` gives back the very bytes the client sent. Option names and values are decoded as Latin-1,
which never fails and loses nothing.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from pxe.errors import WireError

# RFC 2347 ends a request at 512 octets; real clients stay below, so twice that is generous.
MAX_REQUEST: Final = 1024
MAX_BLKSIZE: Final = 65464  # RFC 2348
MIN_BLKSIZE: Final = 8
DEFAULT_BLKSIZE: Final = 512


class Opcode(IntEnum):
    """RFC 1350 section 5, RFC 2347."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


class ErrorCode(IntEnum):
    """RFC 1350 appendix, RFC 2347. After 1 or 2 U-Boot tries its next file, after others it starts over."""

    UNDEFINED = 0
    NOT_FOUND = 1
    ACCESS = 2
    DISK_FULL = 3
    ILLEGAL = 4
    UNKNOWN_TID = 5
    EXISTS = 6
    NO_USER = 7
    OPTIONS = 8


Options = tuple[tuple[str, str], ...]  # in the order of the packet, spelled as the peer spelled them


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """RRQ: `mode` is lower-case (`octet`, `netascii`, `mail` or anything)."""

    filename: str
    mode: str = "octet"
    options: Options = ()


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """WRQ: the client wants to upload."""

    filename: str
    mode: str = "octet"
    options: Options = ()


@dataclass(frozen=True, slots=True)
class Data:
    """DATA: `block` counts from 1 and rolls over after 65535 to 0."""

    block: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """ACK of everything up to `block` (0 acknowledges an OACK or a WRQ)."""

    block: int


@dataclass(frozen=True, slots=True)
class Error:
    """ERROR: `code` is kept as a number, for peers send codes outside of ErrorCode."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class OptionAck:
    """OACK: the options that the server grants."""

    options: Options


Message = ReadRequest | WriteRequest | Data | Ack | Error | OptionAck

_U16 = struct.Struct("!H")
_HEAD = struct.Struct("!HH")


def printable(text: str) -> str:
    """Return text off the wire for logs and events: nothing in it can move a cursor or fail to encode."""
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown)


def encode(message: Message) -> bytes:
    """Return the datagram of `message`. Raises ValueError for NUL in a string or a number over 16 bit."""
    match message:
        case ReadRequest():
            return _encode_request(Opcode.RRQ, message)
        case WriteRequest():
            return _encode_request(Opcode.WRQ, message)
        case Data():
            return _head(Opcode.DATA, message.block) + message.payload
        case Ack():
            return _head(Opcode.ACK, message.block)
        case Error():
            # Clients print the message in buffers of their own: keep it far below one block.
            return _head(Opcode.ERROR, message.code) + _text(message.message, "utf-8")
        case OptionAck():
            return _U16.pack(Opcode.OACK) + _encode_options(message.options)


def _head(opcode: Opcode, number: int) -> bytes:
    if not 0 <= number <= 0xFFFF:
        raise ValueError(f"{opcode.name}: {number} does not fit in 16 bit")
    return _HEAD.pack(opcode, number)


def _text(text: str, encoding: str) -> bytes:
    if "\0" in text:
        raise ValueError(f"{text!r} holds a NUL byte: TFTP cannot carry it")
    errors = "surrogateescape" if encoding == "utf-8" else "strict"
    return text.encode(encoding, errors) + b"\0"


def _encode_request(opcode: Opcode, request: ReadRequest | WriteRequest) -> bytes:
    names = _text(request.filename, "utf-8") + _text(request.mode, "latin-1")
    return _U16.pack(opcode) + names + _encode_options(request.options)


def _encode_options(options: Options) -> bytes:
    return b"".join(_text(name, "latin-1") + _text(value, "latin-1") for name, value in options)


def decode(datagram: bytes) -> Message:
    """Return the message in `datagram`. Raises WireError, and nothing else, on any bytes."""
    if len(datagram) < 2:
        raise WireError(f"a datagram of {len(datagram)} bytes holds no TFTP opcode")
    (opcode,) = _U16.unpack_from(datagram)
    body = datagram[2:]
    match opcode:
        case Opcode.RRQ:
            return ReadRequest(*_decode_request("RRQ", body))
        case Opcode.WRQ:
            return WriteRequest(*_decode_request("WRQ", body))
        case Opcode.DATA:
            return Data(_number("DATA", body), body[2:])
        case Opcode.ACK:  # trailing bytes are ignored: some boot ROMs pad
            return Ack(_number("ACK", body))
        case Opcode.ERROR:
            # The message may lack its NUL (seen from boot ROMs, and where we read a long one in part).
            text = body[2:].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
            return Error(_number("ERROR", body), text)
        case Opcode.OACK:
            return OptionAck(_decode_options("OACK", _strings("OACK", body)))
    raise WireError(f"opcode {opcode} is none of TFTP's (1 to 6)")


def _number(what: str, body: bytes) -> int:
    if len(body) < 2:
        raise WireError(f"{what} of {len(body) + 2} bytes is too short for its number")
    number: int = _U16.unpack_from(body)[0]
    return number


def _strings(what: str, body: bytes) -> list[bytes]:
    if not body:
        return []
    if body[-1] != 0:
        raise WireError(f"{what} does not end in a NUL byte: cut off, or not TFTP")
    return body[:-1].split(b"\0")


def _decode_request(what: str, body: bytes) -> tuple[str, str, Options]:
    if len(body) + 2 > MAX_REQUEST:
        raise WireError(f"{what} of {len(body) + 2} bytes is longer than {MAX_REQUEST}")
    strings = _strings(what, body)
    if len(strings) < 2:
        raise WireError(f"{what} without file name and mode")
    filename = strings[0].decode("utf-8", "surrogateescape")
    mode = strings[1].decode("latin-1").lower()
    return filename, mode, _decode_options(what, strings[2:])


def _decode_options(what: str, strings: list[bytes]) -> Options:
    if len(strings) % 2:
        raise WireError(f"{what}: the last option, {strings[-1]!r}, has no value")
    texts = [s.decode("latin-1") for s in strings]
    return tuple(zip(texts[::2], texts[1::2], strict=True))
