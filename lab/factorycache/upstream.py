"""What the cache asks of Image Factory, and what it makes of no answer."""

import asyncio
import json
from dataclasses import dataclass
from time import monotonic

import httpx

from lab.factorycache.download import Broken, Download, NoRoom, Refused, plain
from lab.factorycache.store import CacheStore, Entry
from lab.systems.talos.factory import check_id

_MOST = 8 << 20
_SECONDS = 30.0
_FULL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Small:
    """A small answer."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"
    digest: str = ""  # as a container registry says it


class Upstream:
    """The Image Factory at `base`, and the downloads from it that are under way."""

    def __init__(self, base: str, store: CacheStore, client: httpx.AsyncClient) -> None:
        self.base, self._store, self.client = base, store, client
        self._downloads: dict[str, Download] = {}
        self._full_until = 0.0

    async def download(self, path: str, schematic: str, accept: str = "*/*", sha256: str = "") -> Download:
        """Return the download of a path, the one that is under way where one is, once it has begun.

        A schematic that Image Factory does not know, and we do, is told to it. Raises Refused, NoRoom,
        Broken.
        """
        if monotonic() < self._full_until:
            raise NoRoom("the disk took nothing a moment ago")
        try:
            return await self._joined(path, accept, sha256)
        except Refused as exc:
            if exc.status != 404 or not await self.tell(schematic):
                raise
        return await self._joined(path, accept, sha256)

    async def tell(self, schematic: str) -> bool:
        """Tell Image Factory a schematic that we have; return whether it knows it now. Raises Broken."""
        text = self._store.schematic(schematic)
        return text is not None and (await self.ask("POST", "/schematics", text)).status == 201

    def under_way(self, path: str) -> bool:
        """Tell whether a path is being downloaded."""
        return path in self._downloads

    async def whole(self, path: str, schematic: str) -> Entry:
        """Return a file that is there whole, fetched where it was not. Raises as `download`."""
        found = self._store.find(path)
        if found is None:
            download = await self.download(path, schematic)
            await download.task
            found = self._store.find(path)
        if found is None:
            raise Broken(f"{self.base}{path}: broke off")
        return found

    async def ask(
        self, method: str, path: str, body: bytes = b"", accept: str = "*/*", seconds: float = _SECONDS
    ) -> Small:
        """Return a small answer, whatever its status. Raises Broken where none comes, or a large one.

        `seconds`: how long it may think.
        """
        url, patience = self.base + path, httpx.Timeout(_SECONDS, read=seconds)
        sent = self.client.stream(
            method, url, content=body or None, headers={"Accept": accept}, timeout=patience
        )
        try:
            async with sent as response:
                if url.startswith("https:") and response.url.scheme != "https":
                    raise Broken(f"{url} redirects to {response.url}, which is not encrypted")
                got = bytearray()
                async for piece in response.aiter_bytes():
                    got += piece
                    if len(got) > _MOST:
                        raise Broken(f"{url}: answers with more than {_MOST} bytes")
        except (httpx.HTTPError, httpx.StreamError) as exc:
            raise Broken(f"{url}: {exc or type(exc).__name__}") from None
        said = response.headers
        kind = plain(said.get("Content-Type", "")) or "text/plain"
        digest = said.get("Docker-Content-Digest", "")
        return Small(response.status_code, bytes(got), kind, digest)

    async def push(self, identity: str, text: bytes) -> tuple[str, Small | None]:
        """Make a schematic known; return the id that Image Factory gave it, or what it says against it.

        Where nobody answers it is kept, and told when an image of it is asked for.
        """
        self._store.keep_schematic(identity, text)
        try:
            found = await self.ask("POST", "/schematics", text)
        except Broken:
            return identity, None
        if found.status >= 500:
            return identity, None
        if found.status != 201:
            return "", found
        try:
            return check_id(json.loads(found.body)["id"]), None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Broken(f"{self.base}/schematics: answers without an id") from None

    async def _joined(self, path: str, accept: str, sha256: str) -> Download:
        found = self._downloads.get(path)
        if found is None or found.task.done():
            url = self.base + path
            found = self._downloads[path] = Download(self.client, url, path, self._store, accept, sha256)
            found.task.add_done_callback(lambda _: self._over(path))
        await found.started()
        return found

    def _over(self, path: str) -> None:
        found = self._downloads.get(path)
        if found is not None and found.task.done():
            del self._downloads[path]
            if found.disk_failed:  # a quota, say: free space alone does not tell
                self._full_until = monotonic() + _FULL_SECONDS

    async def close(self) -> None:
        """End what is under way; what came of it stays."""
        tasks = [download.task for download in self._downloads.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.aclose()


__all__ = ["Broken", "NoRoom", "Refused", "Small", "Upstream"]
