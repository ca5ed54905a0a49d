"""What a rollout does to one node: patch its configuration, upgrade it, roll it back, or run programs.

Each can say whether it is in place, which is how a rollout that was killed goes on, and can take itself back.
All raise LabError with one sentence; who calls them sets the deadline.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from lab.clients.talos.errors import NodeError, NodeUnreachable
from lab.clients.talos.model import ApplyMode
from lab.clients.talos.upgrade import upgrade
from lab.clients.talos.waiting import boot_mark
from lab.machineconfig import ConfigFaults, MachineConfig, load, merge
from lab.rollout import plan
from lab.rollout.session import Session

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


class ConfigChange:
    """A strategic-merge patch of the machine configuration."""

    def __init__(self, change: plan.ConfigPatch) -> None:
        self._patch = change.text
        self._mode = ApplyMode(change.mode)
        self._id = "persistent" if self._mode is ApplyMode.STAGED else "v1alpha1"

    async def prepare(self, session: Session) -> dict[str, Any] | None:
        """See Change."""
        text = await session.client.resources.machine_config(self._id)
        before = _load(session, text)
        session.prepared = self._patched(session, before)
        return None if session.prepared == before else {"config": text}

    async def apply(self, session: Session) -> None:
        """See Change."""
        after = session.prepared
        if after is None:
            after = self._patched(session, _load(session, session.before["config"]))
        await _give(session, after.dump(), self._mode)

    async def in_place(self, session: Session) -> bool:
        """See Change."""
        before = _load(session, session.before["config"])
        found = _load(session, await session.client.resources.machine_config(self._id))
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
        if _load(session, found) != _load(session, text):
            await _give(session, text, self._mode)

    def _patched(self, session: Session, before: MachineConfig) -> MachineConfig:
        try:
            return merge(before, self._patch)
        except ConfigFaults as exc:
            raise NodeError(
                session.node.name, f"the patch does not apply to its configuration: {exc}"
            ) from exc


def _load(session: Session, text: str) -> MachineConfig:
    try:
        return load(text)
    except ConfigFaults as exc:
        raise NodeError(session.node.name, f"its configuration cannot be read: {exc}") from exc


async def _give(session: Session, text: str, mode: ApplyMode) -> None:
    """Apply a configuration; where the node reboots for it, wait until it has."""
    boot = await boot_mark(session.client) if mode in (ApplyMode.AUTO, ApplyMode.REBOOT) else ""
    applied = await session.client.apply(text, mode)
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
