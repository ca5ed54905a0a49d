"""The node on the real machine, with its watchdog."""

import asyncio
from pathlib import Path

from lab.refos.guest.api.server import PORT, ApiServer
from lab.refos.guest.linux import source
from lab.refos.guest.linux.machine import LinuxPlatform
from lab.refos.guest.linux.watchdog import feed
from lab.refos.guest.node import Acquire, Node
from lab.refos.guest.pulling import pull


def serve() -> None:
    """Boot the node and serve its API; returns only by a fault, and init restarts the machine then."""
    asyncio.run(_run())


async def _run() -> None:
    def changed() -> None:
        node.wake()

    platform = LinuxPlatform(changed)
    node = Node(platform)
    watchdog = asyncio.ensure_future(feed(lambda: PORT if node.machine.proven else None))
    await node.start(ApiServer(node), _acquire())
    await watchdog
    await asyncio.Event().wait()


def _acquire() -> Acquire | None:
    """Return how the first configuration is fetched, where the kernel's command line says so."""
    url = source.url_of(Path("/proc/cmdline").read_text(errors="replace"))
    return (lambda node: pull(node, url, source.get)) if url else None
