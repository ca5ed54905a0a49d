"""The node on the real machine, with its watchdog."""

import asyncio
from pathlib import Path

from lab.refos.guest.api.server import PORT, ApiServer
from lab.refos.guest.linux import commandline, source
from lab.refos.guest.linux.machine import LinuxPlatform
from lab.refos.guest.linux.watchdog import feed
from lab.refos.guest.node import Acquire, Node
from lab.refos.guest.pulling import pull
from lab.refos.guest.settings import NodeSettings


def serve() -> None:
    """Boot the node and serve its API; returns only by a fault, and init restarts the machine then."""
    asyncio.run(_run())


async def _run() -> None:
    def changed() -> None:
        node.wake()

    command_line = Path("/proc/cmdline").read_text(errors="replace")
    told = commandline.receivers(command_line)
    platform = LinuxPlatform(changed)
    node = Node(platform, NodeSettings(event_sink=told.event_sink, kernel_logs=told.kernel_logs))
    for fault in told.faults:
        node.say(fault)
    watchdog = asyncio.ensure_future(feed(lambda: PORT if node.machine.proven else None))
    await node.start(ApiServer(node), _acquire(command_line))
    await watchdog
    await asyncio.Event().wait()


def _acquire(command_line: str) -> Acquire | None:
    """Return how the first configuration is fetched, where the kernel's command line says so."""
    url = source.url_of(command_line)
    return (lambda node: pull(node, url, source.get)) if url else None
