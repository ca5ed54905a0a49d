"""A fleet: names, addresses, configurations and certificates of simulated nodes, and their life."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from lab.clients.talos.certs import CertificateAuthority
from lab.errors import InfrastructureError
from lab.machineconfig import MachineConfig, load
from lab.refos.guest.settings import NodeSettings
from lab.testing.nodes.behaviour import Behaviour
from lab.testing.nodes.certificates import BLOCK, Certificates
from lab.testing.nodes.machine import NODE_SETTINGS, SimulatedNode, World
from lab.testing.nodes.newdns import node_config, save_talosconfig
from lab.testing.nodes.trust import Trust

_AT_ONCE = 50
# A handshake whose caller has gone ends by itself, and is nobody's to close: the loop must run until then
_LAST_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class FleetSettings:
    """`first` is the address of the first node, of 127.0.0.0/8; the others follow it.

    `start` and `count`: which of the fleet's nodes live in this process. `resolver` is the DNS server that
    they begin with, `read_config` what they take for a configuration. In `maintenance` they begin without
    one, and `console(name, line)` gets their words, fingerprints among them.
    """

    folder: Path
    count: int
    start: int = 0
    first: str = "127.1.0.1"
    port: int = 50000
    resolver: str = "127.0.0.1"
    dns_port: int = 53
    version: str = "1.0.0"
    behaviour: Behaviour = field(default_factory=Behaviour)
    read_config: Callable[[str], MachineConfig] = load
    maintenance: bool = False
    node: NodeSettings = NODE_SETTINGS
    console: Callable[[str, str], None] = lambda name, line: None

    def name(self, number: int) -> str:
        """`node-00042`."""
        return f"node-{number + 1:05}"

    def address(self, number: int) -> str:
        """The address of a node; those that end with 0 and 255 are as good as others on loopback."""
        return str(IPv4Address(self.first) + number)


def authority_of(folder: Path) -> CertificateAuthority:
    """The fleet's authority; made, with `talosconfig` and the list of nodes, where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "ca.crt").exists():
        CertificateAuthority.create().save(folder)
    return CertificateAuthority.load(folder)


def write_files(settings: FleetSettings, total: int) -> None:
    """Write what a rollout needs: `talosconfig` and `nodes.txt`."""
    save_talosconfig(authority_of(settings.folder), settings.folder / "talosconfig")
    port = f":{settings.port}" if settings.port != 50000 else ""
    lines = [f"{settings.name(n)} {settings.address(n)}{port}\n" for n in range(total)]
    (settings.folder / "nodes.txt").write_text("".join(lines))


@asynccontextmanager
async def running(settings: FleetSettings) -> AsyncIterator[list[SimulatedNode]]:
    """Run the nodes while the context is open. Raises InfrastructureError where one cannot listen."""
    _allow_files(settings.count)
    authority = authority_of(settings.folder)
    last = settings.start + settings.count

    def names_of(block: int) -> list[str]:
        return [settings.address(n) for n in range(block * BLOCK, min((block + 1) * BLOCK, last))]

    world = World(
        settings.behaviour,
        Certificates(authority, names_of),
        Trust(settings.read_config),
        settings.port,
        settings.dns_port,
        settings.version,
        settings.node,
        console=settings.console,
    )

    def config_of(name: str) -> str:
        return "" if settings.maintenance else node_config(name, settings.resolver, authority)

    nodes = [
        SimulatedNode(n, name, settings.address(n), config_of(name), world)
        for n, name in ((n, settings.name(n)) for n in range(settings.start, last))
    ]
    try:
        await _switch_on(nodes)
        yield nodes
    finally:
        await asyncio.gather(*(node.stop() for node in nodes))
        await asyncio.sleep(_LAST_SECONDS)


async def _switch_on(nodes: list[SimulatedNode]) -> None:
    for begin in range(0, len(nodes), _AT_ONCE):
        some = nodes[begin : begin + _AT_ONCE]
        try:
            await asyncio.gather(*(node.on() for node in some))
        except OSError as exc:
            raise InfrastructureError(f"a simulated node cannot listen on its address: {exc}") from exc


def _allow_files(count: int) -> None:
    """A socket for each node and some for its callers: far more than the usual 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * count + 1024
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard > 0 else wanted, hard))
