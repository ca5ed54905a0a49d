"""Forwarding the kernel's log: a JSON object a line over TCP, or one a datagram; keys as Talos has them."""

import asyncio
import contextlib
import json
import socket
import time
from datetime import UTC, datetime

from lab.machineconfig import Endpoint, KernelLog
from lab.refos.guest.model import KernelMessage, PlatformError
from lab.refos.guest.platform import Observer

_PAUSE = 1.0
_CONNECT_SECONDS = 10.0
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_FACILITIES = ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv")


def line_of(message: KernelMessage, boot_time: float) -> bytes:
    """Return a message as JSON, newline included; `boot_time` is the Unix time at which its clock was 0."""
    stamp = datetime.fromtimestamp(boot_time + message.clock / 1e6, UTC)
    known = message.facility < len(_FACILITIES)
    record = {
        "msg": message.text,
        "talos-time": stamp.isoformat().replace("+00:00", "Z"),
        "talos-level": _LEVELS[message.priority & 7],
        "facility": _FACILITIES[message.facility] if known else str(message.facility),
        "seq": message.sequence,
        "clock": message.clock,
        "priority": message.priority,
    }
    return json.dumps(record).encode() + b"\n"


async def forward(observer: Observer, target: KernelLog) -> None:
    """Send the log from boot on until cancelled; after a loss go on with the first line that was not sent."""
    send = _over_tcp if target.transport == "tcp" else _over_udp
    progress = _Progress()
    while True:
        with contextlib.suppress(OSError, PlatformError, TimeoutError):
            await send(observer, target.endpoint, progress)
        await asyncio.sleep(_PAUSE)


class _Progress:
    """The number of the last message that was handed over."""

    done = -1


def _boot_time() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


async def _over_tcp(observer: Observer, endpoint: Endpoint, progress: _Progress) -> None:
    async with asyncio.timeout(_CONNECT_SECONDS):
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    gone = asyncio.ensure_future(reader.read())
    try:
        async for message in observer.kernel_log(follow=True, tail=False):
            if gone.done():
                break
            if message.sequence > progress.done:
                writer.write(line_of(message, _boot_time()))
                await writer.drain()
                progress.done = message.sequence
    finally:
        gone.cancel()
        writer.close()


async def _over_udp(observer: Observer, endpoint: Endpoint, progress: _Progress) -> None:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=(endpoint.host, endpoint.port), family=family
    )
    try:
        async for message in observer.kernel_log(follow=True, tail=False):
            if message.sequence > progress.done:
                transport.sendto(line_of(message, _boot_time()))
                progress.done = message.sequence
    finally:
        transport.close()
