"""The log of queries: one JSON object a line; the server writes it, who waits for a query follows it.

`{"t_ns": CLOCK_MONOTONIC, "client": ADDRESS, "over": "udp" or "tcp", "name", "type", "rcode", "answer": []}`
"""

import asyncio
import contextlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.clock import now_ns
from lab.dns.answer import Answer
from lab.errors import InfrastructureError

_POLL_SECONDS = 0.01
_MOST_OLD = 64 << 20  # bytes of an old log that are read in


class QueryLog:
    """Appends to a log file; its lines are for whoever reads it next, so nothing is kept back."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as exc:
            raise InfrastructureError(f"{path}: the log of queries cannot be opened: {exc.strerror}") from exc

    def write(self, client: str, over: str, told: Answer) -> None:
        """Add one query."""
        line = {
            "t_ns": now_ns(),
            "client": client,
            "over": over,
            "name": told.name,
            "type": told.type,
            "rcode": told.rcode,
            "answer": told.answer,
        }
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class Follower:
    """Follows a log that may not be there yet. For one event loop; close it with `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset: int | None = None
        self._rest = b""
        self._last: dict[tuple[str, str], int] = {}  # (client, name or "" for any) -> when
        self._waiting: dict[str, list[asyncio.Event]] = defaultdict(list)
        self._poll: asyncio.Task[None] | None = None
        self._broken: InfrastructureError | None = None

    async def answered(self, client: str, name: str, since_ns: int) -> None:
        """Return once `client` was given an address for `name` after `since_ns` (the log's clock).

        `name` "": any question that was answered, if only by "there is no such name". Raises
        InfrastructureError where the log cannot be read.
        """
        if self._poll is None:
            self._poll = asyncio.create_task(self._follow())
        key = client, name.lower()
        while self._last.get(key, 0) <= since_ns:
            news = asyncio.Event()
            self._waiting[client].append(news)
            try:
                await news.wait()
            finally:
                with contextlib.suppress(KeyError, ValueError):
                    self._waiting[client].remove(news)
            if self._broken is not None:
                raise self._broken

    async def close(self) -> None:
        """Stop following."""
        if self._poll is not None:
            self._poll.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poll

    async def _follow(self) -> None:
        try:
            while True:
                self._wake(self.read())
                await asyncio.sleep(_POLL_SECONDS)  # a file of another process: there is no event to wait for
        except InfrastructureError as exc:
            self._broken = exc
            self._wake(list(self._waiting))

    def _wake(self, clients: Iterable[str]) -> None:
        for client in clients:
            for news in self._waiting.pop(client, ()):
                news.set()

    def read(self) -> set[str]:
        """Take in what was added; returns the clients that asked."""
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if self._offset is None:
                    self._offset = max(0, size - _MOST_OLD)
                if size < self._offset:  # another log took its place
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                raw = file.read()
        except FileNotFoundError:
            return set()
        except OSError as exc:
            raise InfrastructureError(f"{self.path}: the log of queries cannot be read: {exc}") from exc
        self._offset += len(raw)
        *whole, self._rest = (self._rest + raw).split(b"\n")
        return {client for line in whole if (client := self._take(line))}

    def _take(self, raw: bytes) -> str:
        try:
            line: Any = json.loads(raw)
            client, name, t_ns = str(line["client"]), str(line["name"]), int(line["t_ns"])
            rcode, answers = line["rcode"], line["answer"]
        except (ValueError, KeyError, TypeError):
            return ""  # not ours
        if rcode in ("NOERROR", "NXDOMAIN"):
            self._last[client, ""] = t_ns
        if answers and name:
            self._last[client, name] = t_ns
        return client
