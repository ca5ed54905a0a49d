"""An operating system on an emulated board whose disk loses with its power what it had not flushed."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.board import Board
from lab.config import Site
from lab.console.transcript import Transcript
from lab.errors import InfrastructureError, LabError, UsageError
from lab.model import DriverConfig, MilestoneRule, Source
from lab.powercut.cut import Cut, VolatileCache, copy_sparse
from lab.sandbox.forward import forwarded
from lab.session import LabSession
from lab.upgrades.story import Story
from lab.upgrades.system import DOWNLOADED, Client, Installer, Observation, System
from pxe.plan import Asset

_TRY_SECONDS, _GOOD_SECONDS, _PAUSE_SECONDS = 20.0, 60.0, 0.5
BUNDLE = "update"  # what the node fetches is called so
_DOWNLOADED = MilestoneRule(DOWNLOADED, Source.WIRE, f"^transfer-ended {BUNDLE}", "the update is downloaded")


class Rig:
    """The board of `place` with `system` on its disk; a context manager. The disk is a file in `folder`."""

    def __init__(
        self, site: Site, place: str, system: System, folder: Path, *, lying_disk: bool = False
    ) -> None:
        self.system = system
        self._lying = lying_disk
        self.disk = folder / "disk.img"
        copy_sparse(system.disk(), self.disk)
        self.session = LabSession(_with_disk(site, place, self.disk, system))
        self._place = place
        self._links = ExitStack()
        self._port: int | None = None  # of this host, that leads to the node's API

    def __enter__(self) -> Self:
        self.board: Board = self.session.board(self._place)
        if not self.board.emulated:
            self.session.close()
            raise UsageError(f"place {self._place}: only an emulated board can lose its disk's write cache")
        power: Any = self.board.power
        self.cache = VolatileCache(power, lying=self._lying)
        self.service = self.session.service(self.board.place)
        system = self.system
        self.rules = (
            *self.board.board_type.milestones,
            *system.milestones,
            *system.installation,
            _DOWNLOADED,
        )
        self.serve()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._links.close()
        self.session.close()

    def fresh(self, *, both: bool = False) -> None:
        """Put the disk of the beginning in, or one with a system in both slots; the board is switched off."""
        self.off()
        copy_sparse(self.system.disk(both=both), self.disk)

    def blank(self) -> None:
        """Put an empty disk in; the board is switched off."""
        self.off()
        size = self.disk.stat().st_size
        os.truncate(self.disk, 0)
        os.truncate(self.disk, size)

    def serve(self, *bundles: Path) -> None:
        """Have the boot service offer these updates, at `url(0)` and so on."""
        assets = tuple(Asset(f"{BUNDLE}-{n}", path) for n, path in enumerate(bundles))
        plan = self.system.netboot()
        self.session.assign(self.board.place, replace(plan, files=(*plan.files, *assets)))

    def url(self, number: int) -> str:
        """Where the node finds an update that is served."""
        return f"http://{self.session.server_address(self.board.place)}/{BUNDLE}-{number}"

    @contextmanager
    def on(self, transcript: Transcript | None = None) -> Iterator[Story]:
        """Switch on; yield the story that begins with the power."""
        self.off()
        self.cache.arm()
        with Story(self.board, self.service, self.rules) as story:
            story.t0_ns = self.board.cycle(transcript)
            yield story

    def off(self) -> None:
        """Switch off; all that the board wrote stays on its disk."""
        self.let_go()
        self.board.power_off()

    def cut(self, seed: int, during: int = 0) -> Cut:
        """Cut the power, in that write since the power-on; the disk keeps what `seed` leaves of it."""
        done = self.cache.cut(seed, during)
        self.let_go()
        return done

    def let_go(self) -> None:
        """End every connection to the node: who waits for it is told."""
        self._port = None
        self._links.close()

    def story(self) -> Story:
        """A story that begins now. Use it in `with`."""
        return Story(self.board, self.service, self.rules)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client of the running node. Raises InfrastructureError where it has no address yet."""
        with self.system.connect(self._forwarded()) as client:
            yield client

    @contextmanager
    def installer(self) -> Iterator[Installer]:
        """Who installs the node that came over the network. Raises as `client` does."""
        with self.system.installer(self._forwarded()) as installer:
            yield installer

    def _forwarded(self) -> str:
        """Where the node's API is reached from this host."""
        sandbox = self.session.sandbox
        assert sandbox is not None
        if self._port is None:
            self._port = self._links.enter_context(forwarded(sandbox, self.address(), self.system.port))
        return f"127.0.0.1:{self._port}"

    def address(self) -> str:
        """The address that the node was given. Raises InfrastructureError where it was none."""
        for lease in self.service.leases():
            if lease["mac"] == self.board.place.mac:
                return str(lease["ip"])
        raise InfrastructureError(f"{self._place} was given no address: it never asked for one")

    def observe(self) -> Observation | None:
        """What the running node says of itself; None where it says nothing."""
        try:
            with self.client() as node:
                return node.observe()
        except LabError:
            return None

    def installable(self, story: Story, seconds: float) -> bool:
        """Wait until the node has booted since the story began; whether it waits for its installation."""
        deadline = time.monotonic() + seconds
        waits = self.system.installation[0].name
        came = story.wait(waits, seconds, self.system.milestones[-1].name)
        while came is not None and came.name == waits and (rest := deadline - time.monotonic()) > 0:
            try:
                with self.installer() as node:
                    node.wait_ready(min(rest, _TRY_SECONDS))
                    return True
            except LabError:
                self.let_go()
                time.sleep(_PAUSE_SECONDS)
        return False

    def ready(self, story: Story, seconds: float) -> Observation | None:
        """Wait until the node has booted since the story began and is ready; None where it is not in time.

        Then its slot is marked good soon; where it is not, the last of the system's milestones is missing.
        """
        deadline = time.monotonic() + seconds
        first, last = self.system.milestones[0].name, self.system.milestones[-1].name
        if story.wait(first, seconds) is None:
            return None
        while (rest := deadline - time.monotonic()) > 0:
            try:
                with self.client() as node:
                    node.wait_ready(min(rest, _TRY_SECONDS))
                    if story.wait(last, min(rest, _GOOD_SECONDS)) is not None or rest < _GOOD_SECONDS:
                        return node.observe()
            except LabError:
                self.let_go()  # it boots, or goes down again
                time.sleep(_PAUSE_SECONDS)
        return None


def _with_disk(site: Site, name: str, disk: Path, system: System) -> Site:
    place = site.place(name)
    if place is None:
        names = ", ".join(p.name for p in site.places) or "none"
        raise UsageError(f"there is no place {name!r}; places of this site: {names}")
    options = {"watchdog": True, **place.power.options, **system.machine, "disks": [{"path": str(disk)}]}
    power = DriverConfig(kind=place.power.kind, options=options)
    dhcp = tuple(replace(d, subnets=tuple(replace(s, dns=()) for s in d.subnets)) for d in site.service.dhcp)
    service = replace(site.service, dhcp=dhcp)  # nobody answers names in the sandbox
    return replace(site, service=service, places=(replace(place, power=power),))
