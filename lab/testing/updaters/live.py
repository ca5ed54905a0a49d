"""Drives clients in real time over HTTP: thousands in one process, few connections, their waiting sped up."""

import asyncio
import contextlib
from collections.abc import Iterable
from urllib.parse import urlsplit

from lab.testing.updaters.steps import Answer, Ask, Life, Wait

_ANSWER_SECONDS = 30.0


class Pool:
    """A few connections to one server, kept open, each used by one request at a time."""

    def __init__(self, url: str, connections: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._idle: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None]
        self._idle = asyncio.LifoQueue()
        for _ in range(connections):
            self._idle.put_nowait(None)
        self.requests = self.failures = 0

    async def ask(self, step: Ask) -> Answer | None:
        """Send it; None where there is no connection or no whole answer."""
        streams = await self._idle.get()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if streams is None:
                    streams = await asyncio.open_connection(self._host, self._port)
                answer = await self._exchange(*streams, step)
        except (OSError, EOFError, ValueError, TimeoutError):
            if streams is not None:
                streams[1].close()
            streams = None
            self.failures += 1
            return None
        finally:
            self._idle.put_nowait(streams)
        self.requests += 1
        return answer

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, step: Ask
    ) -> Answer:
        path = step.path if step.path.startswith("/") else urlsplit(step.path).path
        lock = "fleet-lock-protocol: true\r\n" if step.lock else ""
        fields = f"host: {self._host}\r\n{lock}content-length: {len(step.body)}"
        writer.write(f"{step.method} {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + step.body)
        await writer.drain()
        status_line, *told = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(field[15:]) for field in told if field.startswith(b"content-length:"))
        return Answer(int(status_line.split()[1]), await reader.readexactly(length))

    async def close(self) -> None:
        """Close the connections that are open."""
        while not self._idle.empty():
            streams = self._idle.get_nowait()
            if streams is not None:
                streams[1].close()
                with contextlib.suppress(OSError):
                    await streams[1].wait_closed()


async def run(lives: Iterable[Life], pool: Pool, speed: float) -> None:
    """Let them live until all have ended or this is cancelled; their seconds are `speed` to one of ours."""
    async with asyncio.TaskGroup() as group:
        for life in lives:
            group.create_task(_one(life, pool, speed))


async def _one(life: Life, pool: Pool, speed: float) -> None:
    answer: Answer | None = None
    while True:
        try:
            step = life.send(answer)
        except StopIteration:
            return
        answer = None
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds / speed)
        else:
            answer = await pool.ask(step)
