"""Which TFTP options are granted (RFC 2347 to 2349, 7440): a pure function of request, size and path MTU.

Only what was asked is echoed, in the order and spelling of the request: EDK2 drops an OACK with an option
it did not ask for, and takes blksize and windowsize only where they are at most what it asked, timeout
only where it is equal. A value that makes no sense is left out, which the RFCs allow and every client
takes; no request is refused for its options.
"""

from dataclasses import dataclass, field
from typing import Final

from pxe.wire.tftp import DEFAULT_BLKSIZE, MAX_BLKSIZE, MIN_BLKSIZE, OptionAck, Options, encode

MAX_WINDOWSIZE: Final = 64  # throughput gains nothing beyond (RFC 7440 section 5; u-root#1966)
MAX_WINDOW_BYTES: Final = 512 * 1024  # a window has to fit in one socket buffer
MAX_TIMEOUT: Final = 60  # a silent client holds its slot for five of these
HEADERS: Final = 20 + 8 + 4  # IPv4, UDP, TFTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a transfer runs with. `oack` is the datagram to answer with, None where nothing was granted."""

    blksize: int = DEFAULT_BLKSIZE
    windowsize: int = 1
    timeout: int | None = None  # seconds; None: ours to choose
    oack: bytes | None = None
    echoed: dict[str, int] = field(default_factory=dict)  # lower-case names, as granted


def negotiate(options: Options, *, size: int | None, mtu: int) -> Granted:
    """Return what is granted of `options` for a file of `size` bytes (None: not known, netascii).

    For a WRQ, `size` is what the client announced (see `announced_size`), which is echoed.

    `mtu` is the path's, in bytes: a block never needs IP fragments, which boot ROMs do not reassemble.
    """
    echoed: dict[str, int] = {}
    echo: list[tuple[str, str]] = []
    for spelled, text in options:
        name = spelled.lower()
        value = None if name in echoed else _grant(name, _parse(text), size, mtu)
        if value is not None:
            echoed[name] = value
            echo.append((spelled, str(value)))
    blksize = echoed.get("blksize", DEFAULT_BLKSIZE)
    if "windowsize" in echoed:  # after blksize is known, whatever the order of the request
        allowed = max(1, MAX_WINDOW_BYTES // (blksize + 4))
        echoed["windowsize"] = min(echoed["windowsize"], allowed)
        echo = [(s, str(echoed[s.lower()])) for s, _ in echo]
    return Granted(
        blksize=blksize,
        windowsize=echoed.get("windowsize", 1),
        timeout=echoed.get("timeout"),
        oack=encode(OptionAck(tuple(echo))) if echo else None,
        echoed=echoed,
    )


def announced_size(options: Options) -> int | None:
    """Return the bytes that a client says it will write (tsize of a WRQ), None where it does not say."""
    return next((_parse(text) for name, text in options if name.lower() == "tsize"), None)


def _parse(text: str) -> int | None:
    """Return the number in `text`, None where it is none (`int` would take `+5`, ` 5`, `5_0`)."""
    if text.isascii() and text.isdigit() and len(text) <= 20:
        return int(text)
    return None


def _grant(name: str, asked: int | None, size: int | None, mtu: int) -> int | None:
    if asked is None:
        return None
    match name:
        case "blksize" if asked >= MIN_BLKSIZE:
            return max(MIN_BLKSIZE, min(asked, MAX_BLKSIZE, mtu - HEADERS))
        case "windowsize" if 1 <= asked <= 0xFFFF:
            return min(asked, MAX_WINDOWSIZE)
        case "timeout" if 1 <= asked <= MAX_TIMEOUT:
            return asked
        case "tsize":
            return size
    return None
