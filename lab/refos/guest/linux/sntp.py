"""Setting the clock from a time server: SNTP version 4 (RFC 4330), one exchange, no drift correction."""

import asyncio
import struct
import time
from collections.abc import Sequence

from lab.refos.guest.model import PlatformError

_PORT = 123
_SECONDS = 3.0
_SIZE = 48
_CLIENT = 0x23  # version 4, mode 3
_SERVER_MODE = 4
_UNSYNCHRONISED = 3
_STAMP = struct.Struct(">II")
_RECEIVED_AT, _SENT_AT, _ORIGIN_AT = 32, 40, 24
_EPOCH = 2_208_988_800  # from 1900 to 1970


class SntpFault(ValueError):
    """A datagram that is no usable answer."""


def encode(now: float) -> bytes:
    """Return a request sent at Unix time `now`."""
    return bytes([_CLIENT]) + bytes(_SENT_AT - 1) + _stamp(now)


def _stamp(unix: float) -> bytes:
    whole = int(unix)
    return _STAMP.pack((whole + _EPOCH) & 0xFFFFFFFF, int((unix - whole) * 2**32) & 0xFFFFFFFF)


def _unix(data: bytes, at: int) -> float:
    seconds, fraction = _STAMP.unpack_from(data, at)
    # The high bit is clear from 2036 on (RFC 4330 section 3)
    era = 0 if seconds & 0x80000000 else 2**32
    return float(seconds) + era - _EPOCH + float(fraction) / 2**32


def offset(data: bytes, request: bytes, sent: float, received: float) -> float:
    """Return by how many seconds our clock is behind. Raises SntpFault."""
    if len(data) < _SIZE:
        raise SntpFault("is too short")
    leap, mode, stratum = data[0] >> 6, data[0] & 7, data[1]
    if mode != _SERVER_MODE or data[_ORIGIN_AT : _ORIGIN_AT + 8] != request[_SENT_AT:]:
        raise SntpFault("is no answer to our request")
    if leap == _UNSYNCHRONISED or not 1 <= stratum <= 15:
        raise SntpFault("comes from a server that has no time itself")
    return ((_unix(data, _RECEIVED_AT) - sent) + (_unix(data, _SENT_AT) - received)) / 2


class _Exchange(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[tuple[bytes, float]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.answer.done():
            self.answer.set_result((data, time.time()))

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def ask(server: str, *, port: int = _PORT) -> float:
    """Return the offset that one server says. Raises OSError, TimeoutError, SntpFault."""
    loop = asyncio.get_running_loop()
    transport, exchange = await loop.create_datagram_endpoint(_Exchange, remote_addr=(server, port))
    try:
        sent = time.time()
        request = encode(sent)
        transport.sendto(request)
        async with asyncio.timeout(_SECONDS):
            data, received = await exchange.answer
        return offset(data, request, sent, received)
    finally:
        transport.close()


async def synchronise(servers: Sequence[str]) -> None:
    """Set the clock from the first server that answers. Raises PlatformError with what each said."""
    said = {}
    for server in servers:
        try:
            behind = await ask(server)
            time.clock_settime(time.CLOCK_REALTIME, time.time() + behind)
        except TimeoutError:
            said[server] = "no answer"
        except (OSError, SntpFault) as error:
            said[server] = str(error)
        else:
            return
    raise PlatformError("; ".join(f"time server {server}: {reason}" for server, reason in said.items()))
