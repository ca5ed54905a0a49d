"""Hands lines on to the boot service, which keeps them with the machine: for its page and `bootlab log`."""

import asyncio
import contextlib
import json
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_MOST_WAITING = 20_000  # lines; the oldest go first
_LONGEST = 1500  # characters of a line: a datagram has to hold it whatever they are
_AGAIN_SECONDS = 0.5  # while the service starts


class Relay:
    """Lines on their way to the service's socket for them; `lost` counts those that found no room."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._waiting: deque[bytes] = deque()
        self._more = asyncio.Event()
        self.lost = 0

    def hand_on(
        self, node: str, source: str, text: str, *, severity: int | None = None, number: int | None = None
    ) -> None:
        """Send a line of the machine at the address `node` soon."""
        line = {"ip": node, "source": source, "text": text[:_LONGEST], "severity": severity, "number": number}
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace"))
        self._more.set()

    async def run(self) -> None:
        """Send for ever."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            while True:
                while not self._waiting:
                    self._more.clear()
                    await self._more.wait()
                try:
                    await loop.sock_sendto(sock, self._waiting[0], self._path)
                    self._waiting.popleft()
                except OSError:  # the service starts, or ends
                    await asyncio.sleep(_AGAIN_SECONDS)


@asynccontextmanager
async def relaying(path: Path | None) -> AsyncIterator[Relay | None]:
    """A relay while the context is open; None where there is no path."""
    if path is None:
        yield None
        return
    relay = Relay(path)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
