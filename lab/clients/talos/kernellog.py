"""The lab's ear for kernel logs: nodes send JSON, one line a message over TCP, or one datagram a message.

A node finds it by `talos.logging.kernel=tcp://HOST:PORT` (or udp://) on its command line, or the document
KmsgLogConfig.
Keys: msg, talos-time (RFC 3339), talos-level, facility, seq, clock (microseconds since the kernel began: boot
times without a serial line), priority.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lab.clients.talos.errors import printable
from lab.clock import now_ns
from lab.keepalive import keep_alive

_MAX_LINE = 64 << 10  # bytes; the kernel's own limit is below 2 KiB
_MAX_CONNECTIONS = 512
_MAX_OF_ONE = 64  # connections of one address: one that hangs shall not take the room of the others


@dataclass(frozen=True, slots=True)
class KernelLine:
    """One message of a node's kernel; `t_ns` is when it reached us, `clock_us` its own time since start.

    `fault` says why a line could not be read; `message` has its beginning then.
    """

    t_ns: int
    node: str
    message: str
    clock_us: int | None = None
    sequence: int | None = None
    priority: int | None = None
    facility: str = ""
    level: str = ""
    time: str = ""
    fault: str = ""


def parse(t_ns: int, node: str, line: bytes) -> KernelLine:
    """Read one line; never raises."""
    text = line.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:  # ValueError: also a number of thousands of digits
        return KernelLine(t_ns, node, printable(text[:200]), fault=printable(f"not JSON: {exc}"))
    if not isinstance(found, dict) or not isinstance(found.get("msg"), str):
        return KernelLine(t_ns, node, printable(text[:200]), fault="not an object with `msg`")
    return KernelLine(
        t_ns,
        node,
        printable(found["msg"]).rstrip("\n"),
        clock_us=_number(found.get("clock")),
        sequence=_number(found.get("seq")),
        priority=_number(found.get("priority")),
        facility=_word(found.get("facility")),
        level=_word(found.get("talos-level")),
        time=_word(found.get("talos-time")),
    )


@asynccontextmanager
async def kernel_log(take: Callable[[KernelLine], None], listener: socket.socket) -> AsyncIterator[None]:
    """Accept at a listening socket and give every line to `take`, stamped as it came.

    A peer whose line does not end within 64 KiB is cut off.
    """
    open_now: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername") or ("", 0)
        same = sum(1 for other in open_now if other.get_extra_info("peername")[:1] == peer[:1])
        if len(open_now) >= _MAX_CONNECTIONS or same >= _MAX_OF_ONE:
            writer.transport.abort()
            return
        open_now.add(writer)
        keep_alive(writer.get_extra_info("socket"))
        try:
            async for line in _lines(reader):
                take(parse(now_ns(), peer[0], line))
        except _TooLong as exc:
            take(KernelLine(now_ns(), peer[0], "", fault=str(exc)))
        except OSError:
            pass  # it went away in the middle
        finally:
            open_now.discard(writer)
            writer.transport.abort()

    server = await asyncio.start_server(serve, sock=listener, limit=_MAX_LINE)
    try:
        async with server:
            yield
    finally:
        for writer in list(open_now):
            writer.transport.abort()


@asynccontextmanager
async def kernel_log_datagrams(
    take: Callable[[KernelLine], None], bound: socket.socket
) -> AsyncIterator[None]:
    """Give every line of the datagrams that come to a bound UDP socket to `take`, stamped as it came."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(take), sock=bound)
    try:
        yield
    finally:
        transport.close()
        await asyncio.sleep(0)  # a closed transport closes its socket in the loop's next turn


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[KernelLine], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See DatagramProtocol."""
        t_ns = now_ns()
        for line in data.split(b"\n"):
            if line.strip():
                self._take(parse(t_ns, addr[0], line))


class _TooLong(Exception):
    """A line without an end."""


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        try:
            line = await reader.readline()
        except ValueError as exc:
            raise _TooLong(f"a line of more than {_MAX_LINE} bytes") from exc
        if not line.endswith(b"\n"):
            return  # the end, or the torn last line of a node that lost its power
        if line.strip():
            yield line


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _word(value: object) -> str:
    return printable(value) if isinstance(value, str) else ""
