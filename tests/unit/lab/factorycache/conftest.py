"""The cache in this process, and the stand-in that it asks."""

import asyncio
import threading

import httpx
import pytest

from lab.asgi import Server, bound
from lab.factorycache.app import App
from lab.factorycache.store import CacheStore
from lab.factorycache.upstream import Upstream
from lab.testing.vendors.factory import Factory as StandIn
from lab.testing.vendors.factory import path_of
from lab.testing.vendors.server import VendorServer


class Cache:
    """The application under uvicorn in a thread: a program of its own costs a second in each test."""

    def __init__(self, folder, upstream, limit=1 << 30):
        self.folder, self._limit, self._upstream = folder, limit, upstream
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(30)
        self.client = httpx.Client(base_url=self.url, timeout=60)

    async def _serve(self):
        store = CacheStore(self.folder, self._limit)
        upstream = Upstream(self._upstream, store, httpx.AsyncClient(timeout=30, follow_redirects=True))
        with bound("127.0.0.1", 0) as socket:
            self.url = f"http://127.0.0.1:{socket.getsockname()[1]}"
            self._server = Server(App(upstream, store, self.url), connections=100, end_seconds=3)
            self._ready.set()
            await self._server.serve(sockets=[socket])
        await upstream.close()

    def get(self, path, **headers):
        return self.client.get(path, headers=headers)

    def files(self):
        return sorted(path.stat().st_size for path in (self.folder / "files").iterdir() if not path.suffix)

    def close(self):
        self.client.close()
        self._server.stop()
        self._thread.join(30)


@pytest.fixture
def vendor():
    path_of("kernel-amd64")
    with VendorServer(StandIn()) as server:
        yield server


@pytest.fixture
def start(vendor, tmp_path):
    """Start a cache, in the same folder each time; those that a test does not close end with it."""
    made = []

    def started(**how):
        made.append(Cache(tmp_path / "cache", vendor.url, **how))
        return made[-1]

    yield started
    for each in made:
        each.close()


@pytest.fixture
def cache(start):
    return start()
