"""A node in this process, its API over real TLS on loopback, and the lab's own client."""

import asyncio
import base64
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache

import pytest

from lab.clients.talos import CertificateAuthority, Maintenance, MutualTls, NodeClient
from lab.refos.guest.api.server import ApiServer
from lab.refos.guest.node import Node
from lab.refos.guest.saved import CONFIG
from lab.refos.guest.settings import NodeSettings
from lab.testing.machine_platform import FROM_NETWORK, MemoryPlatform, MemorySlots

SECONDS = 60.0  # a host may be busy; what takes that long has hung


@cache
def authority():
    return CertificateAuthority.create()


def config_text(*, machine="", documents=""):
    """A configuration with our authority; `machine` is YAML below `machine:`, two spaces in."""
    pair = authority().pair
    crt, key = (base64.b64encode(pem).decode() for pem in (pair.certificate, pair.key))
    return f"version: v1alpha1\nmachine:\n  ca:\n    crt: {crt}\n    key: {key}\n{machine}{documents}"


@dataclass
class Rig:
    """A node under test."""

    node: Node
    platform: MemoryPlatform
    server: ApiServer

    ca = property(lambda self: authority().pair.certificate)
    authority = property(lambda self: authority())

    def client(self, role="os:admin"):
        """A client with a role; None: whoever, as in maintenance."""
        where = f"127.0.0.1:{self.server.bound}"
        if role is None:
            return NodeClient(where, Maintenance(), timeout=SECONDS)
        return NodeClient(
            where, MutualTls(authority().pair.certificate, authority().issue_client(role)), timeout=SECONDS
        )

    async def until(self, condition):
        """Wait until a condition holds, looked at after each change of the node."""
        async with asyncio.timeout(SECONDS):
            while not condition():
                await self.node.changed.wait(0.2)

    async def ready(self):
        await self.until(lambda: self.node.machine.ready and not self.node.maintenance)


@pytest.fixture
def config():
    return config_text


@pytest.fixture
def rig():
    """Start a node: `async with rig() as it`; config="" is one of ours, None: there is none."""

    @asynccontextmanager
    async def start(*, config="", slots=None, settings=None, platform=None, acquire=None):
        if platform is None:
            platform = MemoryPlatform(slots=slots or MemorySlots())
        if config is not None:
            platform.store.texts[CONFIG] = config or config_text()
        node = Node(platform, settings or NodeSettings(retry=0.05))
        server = ApiServer(node, "127.0.0.1", 0)
        with platform.folder:
            async with asyncio.timeout(SECONDS):
                await node.start(server, acquire)
            try:
                yield Rig(node, platform, server)
            finally:
                await node.stop()
                await asyncio.sleep(0)

    return start


@pytest.fixture
def from_network():
    return lambda: MemorySlots(FROM_NETWORK)


@pytest.fixture
def play():
    """Run a coroutine, bounded."""

    def run(story):
        async def bounded():
            async with asyncio.timeout(2 * SECONDS):
                await story

        asyncio.run(bounded())

    return run
