"""One node: the state machine, the platform below it, and the work under way. One event loop, no threads.

The API reads it and calls its methods; a listener that it opens and closes carries the API.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from lab.machineapi import machine_pb2
from lab.machineconfig import MachineConfig, load
from lab.refos.guest import meta
from lab.refos.guest.broadcast import Broadcast
from lab.refos.guest.cluster import Cluster
from lab.refos.guest.logbook import LogBook
from lab.refos.guest.model import Identity, PlatformError, SlotHealth
from lab.refos.guest.platform import Platform
from lab.refos.guest.reconciler import Reconciler
from lab.refos.guest.reporting import Reporting
from lab.refos.guest.resources import Resources
from lab.refos.guest.saved import Found, find
from lab.refos.guest.services import API, DAEMON, ServiceTable
from lab.refos.guest.settings import NodeSettings
from lab.refos.guest.state.eventlog import EventLog
from lab.refos.guest.state.machine import Action, Machine
from lab.refos.guest.state.sequences import ACQUIRE, BOOT, INITIALIZE, REBOOT, Sequence, Stage
from lab.refos.guest.state.trial import SwitchRecord

_log = logging.getLogger(__name__)

SWITCH = "upgrade"
Tasks = Mapping[str, Callable[[], Awaitable[None]]]
Acquire = Callable[["Node"], Awaitable[bool]]


class Listener(Protocol):
    """Who carries the API to the network."""

    async def open(self, identity: Identity, *, drop: bool) -> None:
        """Accept callers with this certificate from now on; with `drop` let go of the others."""
        ...

    async def close(self) -> None:
        """Accept no more, and end the calls that run."""
        ...


class Node:
    """A machine that answers the API. `config` is the active configuration, None before the first."""

    def __init__(
        self,
        platform: Platform,
        settings: NodeSettings | None = None,
        *,
        read_config: Callable[[str], MachineConfig] = load,
    ) -> None:
        self.platform = platform
        self.settings = settings or NodeSettings()
        self.read_config = read_config
        self.changed = Broadcast()
        self.logs = LogBook(self.settings.log_lines)
        self.events = EventLog(os.urandom(9), self.settings.events_kept)
        self.machine = Machine(self.events, self.settings.trial_seconds)
        self.resources = Resources(self)
        self.services = ServiceTable()
        self.cluster: Cluster | None = None
        self.meta: dict[int, bytes] = {}
        self.config: MachineConfig | None = None
        self.locked = ""  # why the API stays closed: there was a configuration, and nobody can be trusted now
        self._config_fault = ""  # of what was saved last, where something older runs
        self.listener: Listener | None = None
        self.events_sent = 0  # to the event sink; a new one resumes where the old one was
        self._reconciler = Reconciler(platform)
        self._reporting = Reporting(self)
        self.applying = asyncio.Lock()  # held while a configuration is checked and saved
        self._settling = asyncio.Lock()
        self._serving = asyncio.Lock()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._issued_for: tuple[object, ...] = ()
        self._told_stage: Stage | None = None
        self._addresses: tuple[str, ...] = ()

    # -- life

    async def start(self, listener: Listener, acquire: Acquire | None = None) -> None:
        """Boot: returns when the API is up. `acquire` brings the first configuration, before maintenance."""
        self.listener = listener
        await self._read_state()
        self.service(DAEMON, "Running")
        if self.locked or not self.maintenance:
            await self.run(BOOT, {})
        elif acquire is None:
            await self.run(INITIALIZE, {})
        else:
            await self.run(ACQUIRE, {})
            if not await acquire(self):
                await self.run(INITIALIZE, {})
        self._wake.set()
        self.spawn(self._keep())

    async def stop(self) -> None:
        """End all work; the machine is left as it is."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._reporting.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.listener is not None:
            await self.listener.close()

    async def _read_state(self) -> None:
        """Find out what the last boot left, and what this one was started from."""
        store = self.platform.store
        slots = await self.platform.slots.slots()
        found, record = await find(store, self.read_config), await self._switch_record()
        self.meta = await meta.read(store)
        version = self.platform.release.version
        self.logs.add(DAEMON, f"slot {slots.booted or 'none (network)'} version {version}")
        verdict = self.machine.boot(slots, record, found.text, self.now())
        if verdict.finding:
            self.say(verdict.finding)
        if verdict.forget:
            await store.delete(SWITCH)
        self._take_saved(found)

    async def _switch_record(self) -> SwitchRecord | None:
        try:
            switch = await self.platform.store.load(SWITCH)
        except PlatformError as error:
            self.say(f"what was switched from and to: {error}")
            return None
        return SwitchRecord.load(switch.text) if switch is not None else None

    def _take_saved(self, found: Found) -> None:
        """Take over what was saved. A slot on trial that cannot read it need not wait to be given up."""
        now = self.now()
        self.config = found.config
        if found.damage:
            self.say(f"configuration: {found.damage}")
            self.events.add(machine_pb2.ConfigLoadErrorEvent(error=found.damage), now)
        if found.invalid:
            self._config_fault = "the saved configuration is not valid for this version"
            self.say(f"{self._config_fault}: {found.invalid}")
            self.events.add(machine_pb2.ConfigValidationErrorEvent(error=found.invalid), now)
            self.machine.miss("config", self._config_fault, now)
        if found.locked:
            self.locked = "locked: no copy of the saved configuration can be used; the API stays closed"
            self.say(self.locked)
        if found.invalid or found.locked:
            self.machine.give_up(now)

    def wake(self) -> None:
        """Something below may have changed: look at it soon."""
        self._wake.set()

    # -- what the API asks

    @property
    def maintenance(self) -> bool:
        """No configuration says yet whom to trust: whoever calls may apply the first one."""
        return self.config is None or not self.config.complete

    @staticmethod
    def now() -> float:
        """Seconds on a clock that does not jump."""
        return time.monotonic()

    def say(self, line: str, service: str = DAEMON) -> None:
        """Say it on the console and in the log of a service."""
        self.platform.say(line)
        self.logs.add(service, line)

    def service(self, name: str, state: str, fault: str = "") -> None:
        """Note how a service is."""
        if not self.services.update(name, state, fault, time.time()):
            return
        action = getattr(machine_pb2.ServiceStateEvent, state.upper())
        health = machine_pb2.ServiceHealth(healthy=not fault, last_message=fault)
        event = machine_pb2.ServiceStateEvent(service=name, action=action, message=fault, health=health)
        self.events.add(event, self.now())
        self.changed.notify()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something until it or the node ends; what nobody foresaw is logged, not lost."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task of the node failed", exc_info=error)
            self.say(f"internal error: {type(error).__name__}: {error}")

    # -- steps of the state machine

    def step(self) -> None:
        """After any change of the machine: tell who watches, do what it wants, set its timer."""
        stage = self.machine.stage
        if stage is not self._told_stage:
            self._told_stage = stage
            self.say(f"stage {stage.word}")
        for action in self.machine.take_actions():
            self.spawn(self._act(action))
        if self._timer is not None:
            self._timer.cancel()
        due = self.machine.get_timer()
        if due is not None:
            delay = max(due - self.now(), 0.0)
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)
        self.changed.notify()

    def _on_timer(self) -> None:
        self.machine.handle_timer(self.now())
        self.step()

    async def _act(self, action: Action) -> None:
        if action is Action.MARK_GOOD:
            await self._mark_good()
        elif action is Action.GIVE_UP:
            await self._give_up()
        else:
            self.say("the tried configuration is taken back")
            text = self.machine.configuration.active
            if text is not None:
                self.activate(self.read_config(text))

    async def _mark_good(self) -> None:
        slot = self.machine.slots.booted
        assert slot is not None
        try:
            await self.platform.slots.mark(slot, good=True)
            await self.platform.store.delete(SWITCH)
        except PlatformError as error:
            self.say(f"slot {slot} cannot be marked good: {error}")
            self.machine.miss("services", f"boot loader: {error}", self.now())
            self.step()
        else:
            self.say(f"marked good: slot {slot} version {self.platform.release.version}")

    async def _give_up(self) -> None:
        """Go back to the other slot, if there is one to go back to."""
        slots = self.machine.slots
        slot = slots.booted
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.machine.unmet) or "no configuration"
        other = slots.slots.get(slot.other) if slot is not None else None
        if slot is None or other is None or other.health is not SlotHealth.GOOD:
            self.say(f"slot {slot} is not healthy ({reasons}), and no other is good")
            return
        self.say(f"slot {slot} is not healthy ({reasons}): going back to slot {slot.other}")
        try:
            await self.platform.slots.mark(slot, good=False)
        except PlatformError as error:
            self.say(f"slot {slot} cannot be marked bad: {error}")  # its attempts run out all the same
        if self.machine.running is None:
            await self.run(REBOOT, {})
        else:
            await self.platform.reboot()

    # -- sequences

    async def run(self, sequence: Sequence, tasks: Tasks, actor: str = "") -> None:
        """Begin a sequence and perform it. Raises Refused where one runs."""
        self.machine.begin(sequence, self.now(), actor)
        self.step()
        await self.perform(tasks)

    async def perform(self, tasks: Tasks) -> None:
        """Do the tasks of the sequence that runs; `tasks` are those that this node does not always know."""
        known: dict[str, Callable[[], Awaitable[None]]] = {
            "applyConfiguration": self.settle,
            "startAPI": self.serve,
            "stopServices": self._stop_services,
            "reboot": self.platform.reboot,
            "powerOff": self.platform.power_off,
            **tasks,
        }
        while (task := self.machine.next_task(self.now())) is not None:
            self.step()
            try:
                await known[task]()
            except PlatformError as error:
                self.say(f"{task}: {error}")
                self.machine.fail(f"{task}: {error}", self.now())
                break
        self.step()

    async def _stop_services(self) -> None:
        """Let the receivers of our events have the last ones."""
        await self._reporting.flush()

    # -- configuration

    def activate(self, config: MachineConfig) -> None:
        """Make a configuration the active one; the node is not ready until it was applied."""
        self.config, self._config_fault = config, ""
        self.machine.miss("config", "the configuration is being applied", self.now())
        self.step()
        self._wake.set()

    async def settle(self) -> None:
        """Apply what the configuration says and see whether all is well."""
        async with self._settling:
            config = self.config
            self._reporting.update(config)
            unmet = await self._reconciler.settle(config)
            for name, reason in (await self._check()).items():
                unmet.setdefault(name, reason)
            if self.machine.verdict.on_trial and not self._issued_for:
                unmet["health"] = "not looked at since the API is up"
            if self.config is not config:
                unmet["config"] = "the configuration is being applied"
            elif self._config_fault:
                unmet["config"] = self._config_fault
            if self.locked:
                unmet["services"] = self.locked
            self._note(unmet)

    async def _check(self) -> dict[str, str]:
        """Look at what can break by itself."""
        unmet = await self._reconciler.check_network()
        broken = []
        for name, fault in (await self.platform.services()).items():
            self.service(name, "Failed" if fault else "Running", fault)
            if fault:
                broken.append(f"{name}: {fault}")
        if broken:
            unmet["services"] = "; ".join(broken)
        return unmet

    def _note(self, unmet: Mapping[str, str]) -> None:
        now = self.now()
        # What is missing first: in between the node must not look ready
        for name, reason in unmet.items():
            self.machine.miss(name, reason, now)
        for name, _ in self.machine.unmet:
            if name not in unmet:
                self.machine.meet(name, now)
        addresses = self.platform.network.addresses()
        if addresses != self._addresses:
            self._addresses = addresses
            hostname = self.platform.network.hostname()
            self.events.add(machine_pb2.AddressEvent(hostname=hostname, addresses=addresses), now)
        self.step()

    async def serve(self) -> None:
        """Open the API, or open it anew where our certificate has to say something else now."""
        async with self._serving:
            await self._serve()

    async def _serve(self) -> None:
        if self.locked:
            return
        config = None if self.maintenance else self.config
        authority = config.ca if config is not None else None
        accepted = config.accepted_cas if config is not None else ()
        network = self.platform.network
        names = (*(config.cert_sans if config is not None else ()), network.hostname(), *network.addresses())
        key = (authority, accepted, names)
        if key == self._issued_for or self.listener is None:
            return
        identity = await self.platform.identity(authority, accepted, [name for name in names if name])
        first = not self._issued_for
        await self.listener.open(identity, drop=not first and key[:2] != self._issued_for[:2])
        self._issued_for = key
        self.say(f"server certificate issued fingerprint={identity.fingerprint}")
        self.service(API, "Running")
        if first:
            self.say("api up on :50000")

    async def _keep(self) -> None:
        """Keep the machine what its configuration says."""
        while True:
            pause = self.settings.recheck if self.machine.ready else self.settings.retry
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            if self.machine.running is not None:
                continue
            await self.settle()
            try:
                await self.serve()
            except PlatformError as error:
                self.machine.miss("services", f"apid: {error}", self.now())
                self.step()
