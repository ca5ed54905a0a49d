"""The node on the real machine, with its watchdog."""

import asyncio

from lab.refos.guest.api.server import PORT, ApiServer
from lab.refos.guest.linux.machine import LinuxPlatform
from lab.refos.guest.linux.watchdog import feed
from lab.refos.guest.node import Node


def serve() -> None:
    """Boot the node and serve its API; returns only by a fault, and init restarts the machine then."""
    asyncio.run(_run())


async def _run() -> None:
    def changed() -> None:
        node.wake()

    platform = LinuxPlatform(changed)
    node = Node(platform)
    watchdog = asyncio.ensure_future(feed(lambda: PORT if node.machine.proven else None))
    await node.start(ApiServer(node))
    await watchdog
    await asyncio.Event().wait()
