"""Process 1's child: the node on the real machine. When it ends, init restarts the machine."""

import asyncio
import gc

from lab.refos.guest.api.server import PORT, ApiServer
from lab.refos.guest.linux.machine import LinuxPlatform
from lab.refos.guest.linux.watchdog import feed
from lab.refos.guest.node import Node


async def _run() -> None:
    def changed() -> None:
        node.wake()

    platform = LinuxPlatform(changed)
    node = Node(platform)
    server = ApiServer(node)
    watchdog = asyncio.ensure_future(feed(lambda: PORT if node.machine.proven else None))
    await node.start(server)
    await watchdog
    await asyncio.Event().wait()


if __name__ == "__main__":
    gc.freeze()  # what was imported stays: the collector need not look at it again and again
    asyncio.run(_run())
