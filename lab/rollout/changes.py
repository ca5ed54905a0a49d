"""What a rollout does to one node: patch its configuration, upgrade it, roll it back, or run programs.

Each can say whether it is in place, which is how a rollout that was killed goes on, and can take itself back.
All raise LabError with one sentence; who calls them sets the deadline.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from grpclib.const import Status

from lab.clients.talos.errors import NodeError, NodeRefused, NodeUnreachable
from lab.clients.talos.model import Applied, ApplyMode
from lab.clients.talos.upgrade import upgrade
from lab.clients.talos.waiting import boot_mark
from lab.machineconfig import ConfigFaults, ForeignConfig
from lab.rollout import plan
from lab.rollout.session import Session
from lab.rollout.ssh_changes import HostConfigChange, ssh_change_of

_PAUSE_SECONDS = 0.5


class Change(Protocol):
    """One kind of change."""

    async def prepare(self, session: Session) -> dict[str, Any] | None:
        """Look at the node and return what a revert needs (JSON-ready); None: the change is in place."""
        ...

    async def apply(self, session: Session) -> None:
        """Change it; `session.before` is what `prepare` returned, in this run or in one that was killed."""
        ...

    async def in_place(self, session: Session) -> bool:
        """Whether the change has happened. Raises LabError where the node is in neither state."""
        ...

    async def revert(self, session: Session) -> None:
        """Put the node back, from whatever state the change left it in."""
        ...


@runtime_checkable
class Foreseen(Protocol):
    """A change that can say in words what it would change."""

    async def prospect(self, session: Session, before: dict[str, Any]) -> str:
        """What `prepare` found to be changed, for people."""
        ...


class ConfigChange:
    """A strategic-merge patch of the machine configuration. Keys that only the node knows go along."""

    def __init__(self, change: plan.ConfigPatch) -> None:
        self._patch = change.text
        self._mode = ApplyMode(change.mode)
        self._id = "persistent" if self._mode is ApplyMode.STAGED else "v1alpha1"

    async def prepare(self, session: Session) -> dict[str, Any] | None:
        """See Change."""
        text = await session.client.resources.machine_config(self._id)
        before = _read(session, text)
        session.prepared = self._patched(session, before)
        return None if session.prepared == before else {"config": text}

    async def prospect(self, session: Session, before: dict[str, Any]) -> str:
        """What `prepare` found to be changed, for people. The node compares, and refuses what it would."""
        return (await self._ask(session, before, dry_run=True)).details.strip()

    async def apply(self, session: Session) -> None:
        """See Change."""
        boot = await _boot_before(session, self._mode)
        await _rebooted_for(session, await self._ask(session, session.before), boot)

    async def in_place(self, session: Session) -> bool:
        """See Change."""
        before = _read(session, session.before["config"])
        found = _read(session, await session.client.resources.machine_config(self._id))
        if found == self._patched(session, before):
            return True
        if found == before:
            return False
        raise NodeError(
            session.node.name,
            "its configuration is neither the old nor the new one: somebody else changed it",
        )

    async def revert(self, session: Session) -> None:
        """See Change."""
        text = session.before["config"]
        found = await session.client.resources.machine_config(self._id)
        if _read(session, found) != _read(session, text):
            boot = await _boot_before(session, self._mode)
            await _rebooted_for(session, await session.client.apply(text, self._mode), boot)

    async def _ask(self, session: Session, before: dict[str, Any], *, dry_run: bool = False) -> Applied:
        """Give the node the patched configuration."""
        after = session.prepared or self._patched(session, _read(session, before["config"]))
        try:
            return await session.client.apply(after.dump(), self._mode, dry_run=dry_run)
        except NodeRefused as exc:
            if exc.status is not Status.INVALID_ARGUMENT:
                raise
            raise NodeError(session.node.name, f"{exc} (lines of its configuration with the patch)") from exc

    def _patched(self, session: Session, before: ForeignConfig) -> ForeignConfig:
        try:
            return before.patched(self._patch)
        except ConfigFaults as exc:
            raise NodeError(
                session.node.name, f"the patch does not apply to its configuration: {exc}"
            ) from exc


def _read(session: Session, text: str) -> ForeignConfig:
    try:
        return ForeignConfig.read(text)
    except ConfigFaults as exc:
        raise NodeError(session.node.name, f"its configuration cannot be read: {exc}") from exc


async def _boot_before(session: Session, mode: ApplyMode) -> str:
    """The mark of this boot, where the node may reboot for a configuration."""
    return await boot_mark(session.client) if mode in (ApplyMode.AUTO, ApplyMode.REBOOT) else ""


async def _rebooted_for(session: Session, applied: Applied, boot: str) -> None:
    """Where the node reboots for a configuration, wait until it has."""
    if applied.mode is ApplyMode.REBOOT:
        await _until(session, lambda: _rebooted(session, boot))


class UpgradeChange:
    """Another image in the other slot."""

    def __init__(self, change: plan.Upgrade) -> None:
        self._change = change

    async def prepare(self, session: Session) -> dict[str, Any] | None:
        """See Change."""
        found = (await session.client.version()).tag
        return None if found == self._change.version else {"version": found}

    async def apply(self, session: Session) -> None:
        """See Change."""
        boot = await boot_mark(session.client)
        async for _ in upgrade(session.client, self._change.image):
            pass
        await _until(session, lambda: _rebooted(session, boot))
        await _demand(session, self._change.version)

    async def in_place(self, session: Session) -> bool:
        """See Change. It may still be on its way into the other slot: that it answers is waited for."""
        await _until(session, lambda: _answers(session))
        return (await session.client.version()).tag == self._change.version

    async def revert(self, session: Session) -> None:
        """See Change."""
        await _switch_back(session)


class RollBackChange:
    """The slot that ran before."""

    def __init__(self, change: plan.RollBack) -> None:
        self._version = change.version

    async def prepare(self, session: Session) -> dict[str, Any] | None:
        """See Change."""
        found = (await session.client.version()).tag
        return None if found == self._version else {"version": found}

    async def apply(self, session: Session) -> None:
        """See Change."""
        await _switch(session, self._version)

    async def in_place(self, session: Session) -> bool:
        """See Change."""
        await _until(session, lambda: _answers(session))
        return (await session.client.version()).tag == self._version

    async def revert(self, session: Session) -> None:
        """See Change."""
        await _switch_back(session)


async def _switch_back(session: Session) -> None:
    """Make the version run that ran before the change."""
    await _until(session, lambda: _answers(session))
    if (await session.client.version()).tag != session.before["version"]:
        await _switch(session, session.before["version"])


async def _switch(session: Session, version: str) -> None:
    boot = await boot_mark(session.client)
    await session.client.rollback()
    await _until(session, lambda: _rebooted(session, boot))
    await _demand(session, version)


async def _demand(session: Session, version: str) -> None:
    found = (await session.client.version()).tag
    if found != version:
        raise NodeError(
            session.node.name, f"runs {found} and not {version}: it fell back, or was given another"
        )


async def _rebooted(session: Session, boot: str) -> bool:
    return await boot_mark(session.client) != boot


async def _answers(session: Session) -> bool:
    return bool((await session.client.version()).tag)


async def _until(session: Session, reached: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so; a node that does not answer meanwhile is no failure. The caller has a deadline."""
    while True:
        try:
            if await reached():
                return
        except NodeUnreachable:
            await session.close()
        await asyncio.sleep(_PAUSE_SECONDS)


class CommandChange:
    """Programs of the user's own."""

    def __init__(self, change: plan.Command) -> None:
        self._change = change

    async def prepare(self, session: Session) -> dict[str, Any] | None:
        """See Change."""
        if self._change.check and (await session.run(self._change.check))[0] == 0:
            return None
        return {}

    async def apply(self, session: Session) -> None:
        """See Change."""
        await self._must(session, self._change.apply)

    async def in_place(self, session: Session) -> bool:
        """See Change."""
        if not self._change.check:
            raise NodeError(
                session.node.name,
                f"`bootlab rollout` ended while {self._change.apply[0]} ran, and the plan has no "
                "change.command.check to find out whether it took effect",
            )
        return (await session.run(self._change.check))[0] == 0

    async def revert(self, session: Session) -> None:
        """See Change."""
        if not self._change.revert:
            raise NodeError(session.node.name, "the plan has no change.command.revert to put it back with")
        await self._must(session, self._change.revert)

    async def _must(self, session: Session, argv: tuple[str, ...]) -> None:
        status, last = await session.run(argv)
        if status:
            raise NodeError(session.node.name, f"{argv[0]} ended with {status}: {last}")


class Changes:
    """What carries out a plan's change at each of its nodes."""

    def __init__(self, told: plan.Plan) -> None:
        self._plan = told
        self._by_api = change_of(told.change)

    def at(self, node: plan.Node) -> Change:
        """Return it."""
        return self._by_api if node.ssh is None else ssh_change_of(self._plan.change_at(node)) or self._by_api


def change_of(change: plan.Change) -> Change:
    """Return what carries out the plan's change."""
    match change:
        case plan.ConfigPatch():
            return ConfigChange(change)
        case plan.Upgrade():
            return UpgradeChange(change)
        case plan.RollBack():
            return RollBackChange(change)
        case plan.Command():
            return CommandChange(change)
        case plan.HostChange():
            return HostConfigChange(change)
