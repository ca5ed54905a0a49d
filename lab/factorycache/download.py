"""One download of a file, for any number of askers: each reads what is on disk as it grows.

It goes on when an asker goes away, and where the connection breaks; what it has when it must give up is
gone on with at the next request.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import httpx

from lab.factorycache.store import CacheStore, Entry

_log = logging.getLogger(__name__)
_ATTEMPTS = 5  # without a byte of progress in between
_PAUSE_SECONDS = 0.2
_PIECE = 1 << 18


class Broken(Exception):
    """The download ended before the file did; the sentence says why."""


class Refused(Exception):
    """Image Factory does not give the file."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NoRoom(Exception):
    """The disk cannot take the file."""


class Download:
    """A file on its way. `entry` is there once `started` is over.

    `accept`: the media types that are asked for. `sha256`: what the file must be; no answer that is made of
    it ends before that is known, and what is another file is not kept.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        path: str,
        store: CacheStore,
        accept: str = "*/*",
        sha256: str = "",
    ) -> None:
        self._client, self._url, self._path, self._store = client, url, path, store
        self._accept, self._sha256 = accept, sha256
        self.entry = Entry(path, 0)
        self.written = 0
        self.disk_failed = False
        self._error: Exception | None = None
        self._started, self._over = asyncio.Event(), False
        self._changed = asyncio.Condition()
        self.task = asyncio.create_task(self._run())

    async def started(self) -> Entry:
        """Return what the file is, once Image Factory has told. Raises Refused, NoRoom, Broken."""
        await self._started.wait()
        if not self.entry.size:  # a length that nobody told is known at the end
            await self.task
        if self._error is not None:
            raise self._error
        return self.entry

    async def read(self, first: int, last: int) -> AsyncIterator[bytes]:
        """Yield bytes `first` to `last` as they come. Raises Broken where they do not."""
        at = first
        with self._open() as file:
            file.seek(at)
            while at <= last:
                there = self._readable(last) - at
                if there <= 0:
                    await self._more_than(at, last)
                    continue
                piece = await asyncio.to_thread(file.read, min(_PIECE, there))
                at += len(piece)
                yield piece

    def _readable(self, last: int) -> int:
        """How many bytes an answer up to `last` may have of: all but the last, until its SHA-256 is known."""
        doubtful = self._sha256 and not (self._over and self._error is None)
        return min(self.written, last if doubtful else last + 1)

    async def _more_than(self, at: int, last: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._readable(last) > at or self._over)
        if self._readable(last) <= at:
            raise Broken(str(self._error))

    def _open(self) -> BinaryIO:
        """The bytes, wherever they are: an open file stays what it is when it is moved."""
        for path in (self._store.partial(self._path), self._store.file(self._path)):
            with contextlib.suppress(FileNotFoundError):
                return path.open("rb")
        raise Broken(str(self._error))  # it failed between `started` and now

    async def _run(self) -> None:
        try:
            await self._fetch()
        except (Refused, NoRoom, Broken) as exc:
            self._error = exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            self._error = Broken(f"{self._url}: {exc or type(exc).__name__}")
        except OSError as exc:
            _log.error("%s: %s; not kept", self._store.folder, exc.strerror or exc)
            self._store.forget(self._path)
            self.disk_failed = True
            self._error = NoRoom(str(exc.strerror or exc))
        finally:
            self._over = True
            self._started.set()
            async with self._changed:
                self._changed.notify_all()

    async def _fetch(self) -> None:
        begun = self._store.begun(self._path)
        if begun is not None and (begun.etag or self._sha256):
            self.entry, self.written = begun, self._store.partial(self._path).stat().st_size
        failures = 0
        while True:
            before = self.written
            try:
                await self._once()
                break
            except (httpx.TransportError, httpx.StreamError) as exc:
                failures = 1 if self.written > before else failures + 1
                if failures >= _ATTEMPTS or not self.written:
                    raise Broken(f"{self._url}: {exc or type(exc).__name__}") from None
                await asyncio.sleep(_PAUSE_SECONDS)
        whole = await asyncio.to_thread(_digest, self._store.partial(self._path))
        if self._sha256 not in ("", whole):
            self._store.forget(self._path)
            raise Broken(f"{self._url}: what came has the SHA-256 {whole}; not kept")
        self.entry = replace(self.entry, size=self.written, sha256=whole)
        self._store.finish(self.entry)
        _log.info("%s: %d bytes, SHA-256 %s", self._path, self.written, whole)

    async def _once(self) -> None:
        headers = {"Accept": self._accept, "Accept-Encoding": "identity"}
        if self.written:
            headers |= {"Range": f"bytes={self.written}-"}
            headers |= {} if self._sha256 and not self.entry.etag else {"If-Range": self.entry.etag}
        async with self._client.stream("GET", self._url, headers=headers) as response:
            if self._url.startswith("https:") and response.url.scheme != "https":
                raise Refused(502, f"{self._url} redirects to {response.url}, which is not encrypted")
            if response.status_code == 206 and self.written:
                if not response.headers.get("Content-Range", "").startswith(f"bytes {self.written}-"):
                    raise Broken(f"{self._url}: answers ranges with other ranges")
            elif response.status_code == 200:
                await self._begin(response)
            elif self.written and response.status_code == 416:
                self._store.forget(self._path)
                raise Broken(f"{self._url}: changed meanwhile")
            else:
                raise Refused(response.status_code, await _said(response))
            self._started.set()
            with self._store.partial(self._path).open("ab") as file:
                async for piece in response.aiter_raw():
                    await asyncio.to_thread(file.write, piece)
                    file.flush()
                    self.written += len(piece)
                    async with self._changed:
                        self._changed.notify_all()

    async def _begin(self, response: httpx.Response) -> None:
        """From the first byte on. Askers that have read some of another version see their answer break."""
        if self.written and self._started.is_set():
            self._store.forget(self._path)
            raise Broken(f"{self._url}: changed meanwhile")
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isascii() and length.isdigit() else 0
        if not await asyncio.to_thread(self._store.make_room, size):
            raise NoRoom(f"no room for {size} bytes")
        etag = plain(response.headers.get("ETag", ""))
        kind = plain(response.headers.get("Content-Type", "")) or "application/octet-stream"
        self.entry = Entry(self._path, size, kind, "" if etag.startswith("W/") else etag)
        self.written = 0
        self._store.begin(self.entry)


def plain(header: str) -> str:
    """Return a header of another's as it came; "" where it is none that can be sent on."""
    return header if header.isascii() and header.isprintable() else ""


async def _said(response: httpx.Response) -> str:
    """The first words of an error, in one line."""
    got = b""
    async for piece in response.aiter_raw():
        got += piece
        if len(got) > 1000:
            break
    text = "".join(c if c.isprintable() else " " for c in got[:1000].decode("utf-8", "replace"))
    return " ".join(text.split())[:300]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
