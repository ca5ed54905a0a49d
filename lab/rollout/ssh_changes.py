"""What a rollout does to one node over SSH: configure the host, upgrade it, roll it back.

As lab.rollout.changes.Change says.
"""

from typing import Any

from lab.clients.talos.errors import NodeError
from lab.rollout import plan
from lab.rollout.session import Session
from lab.systems.hostconfig import Configurer, read_host_config


class HostConfigChange:
    """Host name, DNS servers and files."""

    def __init__(self, change: plan.HostChange) -> None:
        self._text = change.text

    async def prepare(self, session: Session) -> dict[str, Any] | None:
        """See Change."""
        config = read_host_config(self._text)
        configurer = Configurer(session.ssh.node)
        if not await configurer.configure(config, dry_run=True):
            return None
        return await configurer.before(config)

    async def prospect(self, session: Session, before: dict[str, Any]) -> str:
        """Return the difference, for people."""
        return (await session.ssh.configure(self._text, dry_run=True)).rstrip()

    async def apply(self, session: Session) -> None:
        """See Change."""
        await session.ssh.configure(self._text)

    async def in_place(self, session: Session) -> bool:
        """See Change. Half of it counts as not: it is done again, whole."""
        return not await session.ssh.configure(self._text, dry_run=True)

    async def revert(self, session: Session) -> None:
        """See Change."""
        await Configurer(session.ssh.node).restore(session.before)


class SshUpgradeChange:
    """Another version, by the system's own command."""

    def __init__(self, change: plan.Upgrade) -> None:
        self._change = change

    async def prepare(self, session: Session) -> dict[str, Any] | None:
        """See Change."""
        return await _unless(session, self._change.version)

    async def apply(self, session: Session) -> None:
        """See Change."""
        async for _ in session.ssh.upgrade(self._change.image):
            pass
        await _demand(session, self._change.version)

    async def in_place(self, session: Session) -> bool:
        """See Change."""
        return (await session.ssh.facts()).version == self._change.version

    async def revert(self, session: Session) -> None:
        """See Change."""
        await _back(session, session.before["version"])


class SshRollBackChange:
    """What ran before."""

    def __init__(self, change: plan.RollBack) -> None:
        self._version = change.version

    async def prepare(self, session: Session) -> dict[str, Any] | None:
        """See Change."""
        return await _unless(session, self._version)

    async def apply(self, session: Session) -> None:
        """See Change."""
        await _back(session, self._version)

    async def in_place(self, session: Session) -> bool:
        """See Change."""
        return (await session.ssh.facts()).version == self._version

    async def revert(self, session: Session) -> None:
        """See Change."""
        await _back(session, session.before["version"])


async def _unless(session: Session, version: str) -> dict[str, Any] | None:
    found = (await session.ssh.facts()).version
    return None if found == version else {"version": found}


async def _back(session: Session, version: str) -> None:
    if (await session.ssh.facts()).version != version:
        await session.ssh.rollback()
        await _demand(session, version)


async def _demand(session: Session, version: str) -> None:
    found = (await session.ssh.facts()).version
    if found != version:
        raise NodeError(
            session.node.name, f"runs {found} and not {version}: it fell back, or was given another"
        )


def ssh_change_of(
    change: plan.Change,
) -> HostConfigChange | SshUpgradeChange | SshRollBackChange | None:
    """Return what carries the change out over SSH; None: that makes no difference to it."""
    match change:
        case plan.HostChange():
            return HostConfigChange(change)
        case plan.Upgrade():
            return SshUpgradeChange(change)
        case plan.RollBack():
            return SshRollBackChange(change)
    return None
