"""One simulated machine: its platform, and the node that runs on it from boot to boot."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lab.machineconfig import MachineConfig
from lab.machineconfig.model import Authority
from lab.refos.guest.api.server import ApiServer
from lab.refos.guest.model import Identity, Release, Slot, SlotHealth, SlotName
from lab.refos.guest.node import Node
from lab.refos.guest.saved import CONFIG
from lab.refos.guest.settings import NodeSettings, Personality
from lab.testing.nodes.behaviour import Behaviour, Fault
from lab.testing.nodes.certificates import Certificates
from lab.testing.nodes.controlplane import ControlPlane, Etcd
from lab.testing.nodes.hardware import BootObserver, BootSlots, LimitedStore, LoopbackNetwork
from lab.testing.nodes.trust import Trust

NODE_SETTINGS = NodeSettings(events_kept=20, log_lines=20, recheck=None)


@dataclass(slots=True)
class World:
    """What all nodes of a fleet share. `settings` are those of each; which manners of Talos it has is told by
    the version that runs, where that is one of Talos. `console(name, line)` gets what a node prints.
    """

    behaviour: Behaviour
    certificates: Certificates
    trust: Trust
    port: int = 50000
    dns_port: int = 53
    version: str = "1.0.0"
    settings: NodeSettings = NODE_SETTINGS
    etcd: Etcd = field(default_factory=Etcd)
    console: Callable[[str, str], None] = lambda name, line: None


@dataclass(slots=True)
class Platform:
    """lab.refos.guest.platform.Platform in memory; `power` is who switches it."""

    number: int
    world: World
    slots: BootSlots
    store: LimitedStore
    network: LoopbackNetwork
    power: "SimulatedNode"
    observer: BootObserver = field(default_factory=BootObserver)

    @property
    def release(self) -> Release:
        """See Platform."""
        version = self.slots.table[self.slots.booted].version
        return Release(version, "0" * 64, "2026-01-01T00:00:00Z", "arm64")

    async def identity(
        self, authority: Authority | None, accepted: Sequence[bytes], names: Sequence[str]
    ) -> Identity:
        """See Platform."""
        return self.world.certificates.identity(self.number, authority, [*names, "127.0.0.1"])

    async def set_sysctls(self, values: Mapping[str, str]) -> None:
        """See Platform."""

    async def services(self) -> Mapping[str, str]:
        """See Platform."""
        return {}

    def say(self, line: str) -> None:
        """See Platform."""
        self.world.console(self.power.name, line)

    async def reboot(self) -> None:
        """See Platform."""
        self.power.cycle()
        await asyncio.Event().wait()  # the end of this boot ends us

    async def power_off(self) -> None:
        """See Platform."""
        self.power.off()
        await asyncio.Event().wait()


class SimulatedNode:
    """A machine with its power switch; without a `config` it is in maintenance."""

    def __init__(self, number: int, name: str, address: str, config: str, world: World) -> None:
        self.name = name
        self.address = address
        self._number = number
        self._world = world
        fault = world.behaviour.fault_of(name)
        good = Slot(world.version, SlotHealth.GOOD)
        table = {SlotName.A: good, SlotName.B: Slot("", SlotHealth.EMPTY)}
        self._fault = fault
        self._slots = BootSlots(name, fault, world.behaviour, table=table, erase=self._erase)
        self.store = LimitedStore({CONFIG: config} if config else {})
        self.store.full = fault is Fault.FULL
        self._node: Node | None = None
        self._task: asyncio.Task[None] | None = None

    async def on(self) -> None:
        """Boot; returns when the API is up, also where its network is not what it should be."""
        network = LoopbackNetwork(self.name, self.address, self._fault, self._world.dns_port)
        self._slots.boot()
        platform = Platform(self._number, self._world, self._slots, self.store, network, self)
        node = _Node(platform, self._world, self._fault, self)
        self._node = node
        await node.start(ApiServer(node, self.address, self._world.port))
        node.faults_armed = True

    def cycle(self) -> None:
        """Switch off, and on again after the node's own while."""
        self._task = asyncio.create_task(self._cycle())

    def off(self) -> None:
        """Switch off."""
        self._task = asyncio.create_task(self.stop())

    async def stop(self) -> None:
        """Switch off and wait until nothing runs."""
        if self._node is not None:
            node, self._node = self._node, None
            await node.stop()

    def _erase(self, labels: Sequence[str]) -> None:
        """A partition, or all, is wiped: the configuration is in STATE, etcd in EPHEMERAL."""
        if not labels or "STATE" in labels:
            self.store.texts.clear()
        if (not labels or "EPHEMERAL" in labels) and self._node is not None:
            self._world.etcd.leave(self._node.platform.network.hostname())

    async def _cycle(self) -> None:
        behaviour = self._world.behaviour
        await self.stop()
        await asyncio.sleep(behaviour.seconds(self.name, "reboot", behaviour.reboot_seconds))
        await self.on()


def personality_of(version: str, otherwise: Personality) -> Personality:
    """Return the manners of a version such as v1.13.9."""
    minor = ".".join(version.removeprefix("v").split(".")[:2])
    return next((known for known in Personality if known.value == minor), otherwise)


class _Node(Node):
    """A node whose fault shows at the first change after its boot."""

    def __init__(self, platform: Platform, world: World, fault: Fault, power: SimulatedNode) -> None:
        version = platform.slots.table[platform.slots.booted].version
        settings, manners = world.settings, personality_of(version, world.settings.personality)
        if manners is not settings.personality:  # a fleet of thousands shares one object
            settings = replace(settings, personality=manners)
        super().__init__(platform, settings, read_config=world.trust.read)
        network = platform.network
        at = network.address + (f":{world.port}" if world.port != 50000 else "")
        self.cluster = ControlPlane(world.etcd, at, lambda: self.config, network.hostname)
        self.faults_armed = False
        self._fault = fault
        self._power = power
        self._hardware = platform

    def activate(self, config: MachineConfig) -> None:
        """See Node."""
        if self.faults_armed and self._fault is Fault.GONE:
            self._power.off()
            return
        super().activate(config)

    async def settle(self) -> None:
        """See Node; it may take its while."""
        world = self._hardware.world
        if self.faults_armed and world.behaviour.settle_seconds[1]:
            await asyncio.sleep(
                world.behaviour.seconds(self._power.name, "settle", world.behaviour.settle_seconds)
            )
        await super().settle()
