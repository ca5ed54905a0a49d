"""What must hold at a node after its change, before the rollout moves on.

Each raises NodeError with one sentence where it does not hold in time.
"""

import asyncio
from pathlib import Path
from typing import Protocol

from lab.clients.talos.errors import NodeError
from lab.clients.talos.resources import KINDS, status_of
from lab.dns.log import Follower
from lab.errors import LabError
from lab.rollout import plan
from lab.rollout.session import Session

_PAUSE_SECONDS = 0.5
_CHECK_SECONDS = 1.0


class Gate(Protocol):
    """One condition."""

    async def hold(self, session: Session) -> None:
        """Return once it holds."""
        ...


class ReadyGate:
    """The node says that it runs and is ready. It may reboot meanwhile."""

    def __init__(self, gate: plan.Ready) -> None:
        self._seconds = gate.seconds

    async def hold(self, session: Session) -> None:
        """See Gate."""
        last = ["nothing was heard of it"]
        watched = self._asked if session.node.ssh is not None else self._watched
        try:
            async with asyncio.timeout(self._seconds):
                while not await watched(session, last):
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            told = f"is not ready after {self._seconds:g} s: {last[0]}"
            raise NodeError(session.node.name, told) from None

    async def _asked(self, session: Session, last: list[str]) -> bool:
        """Whether a node over SSH is ready now."""
        try:
            health = await session.ssh.health()
        except LabError as exc:
            last[0] = sentence(session, exc)
            await session.close()
            return False
        last[0] = "; ".join((f"systemd says {health.stage}", *health.reasons))
        return health.ready

    async def _watched(self, session: Session, last: list[str]) -> bool:
        """Whether it became ready while we could watch; `last` is what was seen last."""
        changes = session.client.resources.watch(*KINDS["machinestatus"], "machine")
        try:
            async for change in changes:
                if change.resource is None:
                    continue
                status = status_of(change.resource)
                unmet = "; ".join(f"{name}: {reason}" for name, reason in status.unmet)
                last[0] = f"stage {status.stage}{', ' if unmet else ''}{unmet}"
                if status.ready and status.stage == "running":
                    return True
        except NodeError as exc:
            last[0] = sentence(session, exc)
            await session.close()
        finally:
            await changes.aclose()
        return False


class ResolvesGate:
    """The lab's DNS server was asked by the node, after the change."""

    def __init__(self, gate: plan.Resolves, follower: Follower) -> None:
        self._gate = gate
        self._follower = follower

    async def hold(self, session: Session) -> None:
        """See Gate."""
        try:
            async with asyncio.timeout(self._gate.seconds):
                await self._have_asked(session)
                await self._follower.answered(session.node.address, self._gate.name, session.since_ns)
        except TimeoutError:
            asked = f"for {self._gate.name} " if self._gate.name else ""
            raise NodeError(
                session.node.name,
                f"did not ask the DNS server {asked}within {self._gate.seconds:g} s: {self._gate.log} shows "
                f"no query of {session.node.address} since the change",
            ) from None

    async def _have_asked(self, session: Session) -> None:
        """A node without our code asks when it has a reason to: give it one."""
        if session.node.ssh is not None and self._gate.name:
            # Whether it was answered, and by whom, is for the server's log to say
            await session.ssh.node.run(["getent", "ahostsv4", self._gate.name], timeout=self._gate.seconds)


class CheckGate:
    """A program of the user's own ends with 0."""

    def __init__(self, gate: plan.Check) -> None:
        self._gate = gate

    async def hold(self, session: Session) -> None:
        """See Gate."""
        last = "it still runs"
        try:
            async with asyncio.timeout(self._gate.seconds):
                while True:
                    status, said = await session.run(self._gate.argv)
                    if status == 0:
                        return
                    last = f"it ended with {status}: {said}"
                    await asyncio.sleep(_CHECK_SECONDS)
        except TimeoutError:
            told = f"{self._gate.argv[0]} did not succeed within {self._gate.seconds:g} s: {last}"
            raise NodeError(session.node.name, told) from None


class Gates:
    """All gates of a plan, in its order; `close` ends what follows logs."""

    def __init__(self, gates: tuple[plan.Gate, ...]) -> None:
        self._followers: dict[Path, Follower] = {}
        self._gates = [self._gate(gate) for gate in gates]

    async def hold(self, session: Session) -> None:
        """Return once all hold."""
        for gate in self._gates:
            await gate.hold(session)

    async def close(self) -> None:
        """End what runs beside."""
        for follower in self._followers.values():
            await follower.close()

    def _gate(self, gate: plan.Gate) -> Gate:
        match gate:
            case plan.Ready():
                return ReadyGate(gate)
            case plan.Check():
                return CheckGate(gate)
            case plan.Resolves():
                follower = self._followers.setdefault(gate.log, Follower(gate.log))
                return ResolvesGate(gate, follower)


def sentence(session: Session, error: Exception) -> str:
    """An error of a node as one line, without the node's name in front."""
    text = " ".join(str(error).split())
    names = [session.node.name, session.node.endpoint, f"{session.node.address}:{session.node.port}"]
    for name in [*names, session.ssh.node.name] if session.node.ssh is not None else names:
        text = text.removeprefix(f"node {name}: ")
    return text
