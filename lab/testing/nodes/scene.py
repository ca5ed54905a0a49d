"""Simulated nodes, the lab's two DNS servers and a rollout's plan in one event loop: for tests."""

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.dns.answer import Zone
from lab.dns.log import QueryLog
from lab.dns.server import serving
from lab.machineconfig import MachineConfig, load
from lab.rollout.driver import Driver
from lab.rollout.engine import Engine, Record
from lab.rollout.plan import Plan
from lab.rollout.planfile import read_plan
from lab.rollout.record import Recorded, Writer
from lab.testing.nodes import newdns
from lab.testing.nodes.behaviour import Behaviour
from lab.testing.nodes.fleet import FleetSettings, running, write_files
from lab.testing.nodes.machine import SimulatedNode

OLD, NEW = "127.0.0.1", "127.0.0.2"
PLAN = newdns.plan("batches: [3, 100%], concurrency: 4")


@dataclass
class Scene:
    """A folder with a plan, and the fleet that it is for."""

    folder: Path
    settings: FleetSettings
    nodes: list[SimulatedNode]

    @property
    def journal(self) -> Path:
        """Where the rollout's state is."""
        return self.folder / "plan.rollout.jsonl"

    def plan(self, text: str = PLAN) -> Plan:
        """Write the plan file and read it."""
        (self.folder / "plan.yaml").write_text(text)
        return read_plan(self.folder / "plan.yaml")

    async def roll(
        self,
        text: str = PLAN,
        *,
        fresh: bool = True,
        before: Callable[[Engine], Iterable[Record]] = lambda engine: (),
        tell: Callable[[Engine], None] = lambda engine: None,
    ) -> Engine:
        """Run a rollout to its end; `before` makes the first records, such as those of a resume."""
        plan = self.plan(text)
        with Writer(plan, self.journal, fresh=fresh) as writer:
            writer.write(before(writer.engine))
            await Driver(plan, writer, tell).run()
            return writer.engine

    def states(self) -> list[str]:
        """What the journal tells to who reads it now."""
        return [str(state) for state in Recorded(self.plan(), self.journal).engine.states]

    def resolvers(self) -> list[str]:
        """The DNS server in each node's saved configuration."""
        texts = [node.store.texts["config"] for node in self.nodes]
        return ["new" if f"address: {NEW}" in text else "old" for text in texts]

    def asked(self) -> set[str]:
        """Who asked the new server."""
        return newdns.asked(self.folder / "new.jsonl")


def free_port() -> int:
    """A port that nobody has, for TCP and UDP."""
    with (
        contextlib.closing(socket.socket()) as tcp,
        contextlib.closing(socket.socket(type=socket.SOCK_DGRAM)) as udp,
    ):
        tcp.bind((OLD, 0))
        udp.bind((NEW, tcp.getsockname()[1]))
        return int(tcp.getsockname()[1])


@asynccontextmanager
async def scene(
    folder: Path, count: int, behaviour: Behaviour, read_config: Callable[[str], MachineConfig] = load
) -> AsyncIterator[Scene]:
    """Run fleet and servers while the context is open."""
    settings = FleetSettings(
        folder=folder / "fleet",
        count=count,
        port=free_port(),
        dns_port=free_port(),
        behaviour=behaviour,
        read_config=read_config,
    )
    write_files(settings, count)
    (folder / "patch.yaml").write_text(newdns.patch(NEW))
    async with contextlib.AsyncExitStack() as stack:
        for name, address in (("old", OLD), ("new", NEW)):
            log = stack.enter_context(contextlib.closing(QueryLog(folder / f"{name}.jsonl")))
            await stack.enter_async_context(serving(address, settings.dns_port, Zone(), log))
        nodes = await stack.enter_async_context(running(settings))
        yield Scene(folder, settings, nodes)
