"""A node in the background of a test: the guest's code over real TLS, the machine below in memory."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from lab.clients.talos.certs import CertificateAuthority
from lab.dns.answer import Zone
from lab.dns.log import QueryLog
from lab.dns.server import serving
from lab.refos.guest.api.server import ApiServer
from lab.refos.guest.node import Node
from lab.refos.guest.saved import CONFIG
from lab.refos.guest.settings import NodeSettings, Personality
from lab.testing.machine_platform import MemoryPlatform
from lab.testing.nodes.behaviour import Behaviour
from lab.testing.nodes.fleet import FleetSettings, running, write_files
from lab.testing.nodes.machine import NODE_SETTINGS
from lab.testing.nodes.newdns import node_config

_FINGERPRINT = "fingerprint="


@dataclass
class LiveNode:
    """Where it answers, and the machine below it."""

    address: str
    platform: MemoryPlatform

    @property
    def fingerprint(self) -> str:
        """What the console says of the certificate."""
        line = next(line for line in reversed(self.platform.lines) if _FINGERPRINT in line)
        return line.partition(_FINGERPRINT)[2].strip()


@contextmanager
def live_node(
    config: str = "", personality: Personality = Personality.V1_14, platform: MemoryPlatform | None = None
) -> Iterator[LiveNode]:
    """One boot of one node; without `config` it is in maintenance. It does not come back from a reboot."""
    machine = platform or MemoryPlatform()
    machine.network.have = ("127.0.0.1",)
    if config:
        machine.store.texts[CONFIG] = config

    @asynccontextmanager
    async def answering() -> AsyncIterator[int]:
        node = Node(machine, NodeSettings(personality))
        server = ApiServer(node, "127.0.0.1", 0)
        await node.start(server)
        try:
            yield server.bound
        finally:
            await node.stop()

    with (
        machine.folder,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(answering()) as port,
    ):
        yield LiveNode(f"127.0.0.1:{port}", machine)


def config_text(authority: CertificateAuthority) -> str:
    """A configuration that trusts this authority."""
    return node_config("node-00001", "127.0.0.1", authority)


@dataclass
class Consoles:
    """What simulated nodes print, by name."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    _more: threading.Condition = field(default_factory=threading.Condition)

    def hear(self, name: str, line: str) -> None:
        """Keep a line."""
        with self._more:
            self.lines.append((name, line))
            self._more.notify_all()

    def wait(self, text: str, *, after: int = 0, seconds: float = 60) -> None:
        """Wait for a line with this text, beyond the first `after` lines. Raises TimeoutError."""
        with self._more:
            if not self._more.wait_for(lambda: any(text in line for _, line in self.lines[after:]), seconds):
                raise TimeoutError(f"nobody said {text!r} within {seconds:g} s")

    def fingerprint(self, name: str) -> str:
        """What a node says of its certificate; the last word counts."""
        said = [line for who, line in self.lines if who == name and _FINGERPRINT in line]
        return said[-1].partition(_FINGERPRINT)[2].strip()


@contextmanager
def rebooting_nodes(
    folder: Path,
    count: int = 1,
    behaviour: Behaviour | None = None,
    *,
    version: str = "1.0.0",
    consoles: Consoles | None = None,
    settings: NodeSettings = NODE_SETTINGS,
) -> Iterator[list[str]]:
    """Simulated nodes that boot again; `folder` gets their authority and a talosconfig. Yields addresses.

    They are ready only while a resolver answers, so there is one. With `consoles` they begin in maintenance.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quick = Behaviour(reboot_seconds=(0.1, 0.2), write_seconds=(0.0, 0.1))

    @asynccontextmanager
    async def all_running() -> AsyncIterator[FleetSettings]:
        log = QueryLog(folder / "dns.jsonl")
        async with serving("127.0.0.1", 0, Zone(), log) as dns_port:
            fleet = FleetSettings(
                folder=folder,
                count=count,
                port=port,
                dns_port=dns_port,
                behaviour=behaviour or quick,
                version=version,
                maintenance=consoles is not None,
                node=settings,
                console=consoles.hear if consoles is not None else lambda name, line: None,
            )
            write_files(fleet, count)
            async with running(fleet):
                yield fleet
        log.close()

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(all_running()) as fleet:
        yield [f"{fleet.address(number)}:{port}" for number in range(count)]
