"""What each system without an API calls its own way: slots, upgrade, rollback. A small class per system.

Commands and their output as in the systems' documents (docs/flatcar.md, docs/fedora-coreos.md say what was
run against what).
"""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator
from typing import Any, Protocol

from lab.clients.ssh import SshCommandFailed, SshError, SshNode
from lab.errors import UsageError
from lab.systems.interface import Ability, CannotError, Step

LONG = 3600.0  # seconds that an upgrade's download may take
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,80}")


class Commands(Protocol):
    """One system's own way. None of them reboots."""

    title: str

    async def slot(self, node: SshNode) -> str:
        """Return what it booted, "" where that is not known."""

    def upgrade(self, node: SshNode, source: str) -> AsyncIterator[Step]:
        """Make `source` what the next boot boots."""

    async def rollback(self, node: SshNode) -> None:
        """Make what ran before the next boot. Raises CannotError, SshError where there is nothing."""


class FlatcarCommands:
    """/usr in two partitions; cgpt says which is booted next, update_engine fills the other one."""

    title = "Flatcar"

    async def slot(self, node: SshNode) -> str:
        """Return A or B."""
        booted = await _booted_usr(node)
        label = (await node.check(["lsblk", "-ndo", "PARTLABEL", booted])).text.strip()
        return label.removeprefix("USR-") if label.startswith("USR-") else ""

    async def upgrade(self, node: SshNode, source: str) -> AsyncIterator[Step]:
        """`latest`: what its update server offers; else a version, by flatcar-update."""
        if source == "latest":
            await node.check(["update_engine_client", "-check_for_update"], root=True)
            async for step in _watch_update_engine(node):
                yield step
            return
        argv = ["flatcar-update", "--to-version", _version(source, "latest, or a version such as 4152.2.0")]
        async for step in _told(node, argv):
            yield step

    async def rollback(self, node: SshNode) -> None:
        """Give the partition that is not booted the highest priority."""
        booted = await _booted_usr(node)
        listed = (await node.check(["cgpt", "find", "-t", "flatcar-usr"], root=True)).text.split()
        others = [path for path in listed if path != booted]
        if len(others) != 1 or booted not in listed:
            raise SshError(
                node.name, f"its two /usr partitions are not found: cgpt says {' '.join(listed) or 'none'}"
            )
        await node.check(["cgpt", "prioritize", others[0]], root=True)


async def _booted_usr(node: SshNode) -> str:
    return (await node.check(["rootdev", "-s", "/usr"])).text.strip()


async def _watch_update_engine(node: SshNode) -> AsyncIterator[Step]:
    """Yield what update_engine says until the update is written."""
    last = ""
    async with asyncio.timeout(LONG):
        while True:
            text = (await node.check(["update_engine_client", "-status"], root=True)).text
            status = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
            stage = status.get("CURRENT_OP", "").removeprefix("UPDATE_STATUS_")
            if stage != last:
                yield Step("update", f"update_engine: {stage.lower().replace('_', ' ') or 'says nothing'}")
            if stage == "UPDATED_NEED_REBOOT":
                return
            if stage == "REPORTING_ERROR_EVENT" or (stage == "IDLE" and last not in ("", "IDLE")):
                raise SshError(node.name, "update_engine gave up: journalctl -u update-engine says why")
            if stage == "IDLE":
                raise SshError(node.name, "its update server offers it nothing newer")
            last = stage
            await asyncio.sleep(1)


class CoreosCommands:
    """Fedora CoreOS: deployments of ostree, by rpm-ostree."""

    title = "Fedora CoreOS"

    async def slot(self, node: SshNode) -> str:
        """Return the beginning of the booted deployment's checksum."""
        booted = next((d for d in await _deployments(node) if d.get("booted")), {})
        return str(booted.get("checksum", ""))[:12]

    async def upgrade(self, node: SshNode, source: str) -> AsyncIterator[Step]:
        """`latest`: of its stream; else a version of it."""
        await _stop_zincati(node)
        if source == "latest":
            argv = ["rpm-ostree", "upgrade", "--bypass-driver"]
        else:
            version = _version(source, "latest, or a version such as 42.20250410.3.0")
            argv = ["rpm-ostree", "deploy", "--bypass-driver", version]
        before = await _first(node)
        async for step in _told(node, argv):
            yield step
        if await _first(node) == before:
            raise SshError(node.name, "rpm-ostree has no newer deployment for it")

    async def rollback(self, node: SshNode) -> None:
        """Make the other deployment the first. Zincati, which would upgrade again, is stopped."""
        found = await _deployments(node)
        if len(found) < 2:
            raise SshError(node.name, "it has one deployment only: there is nothing to roll back to")
        await _stop_zincati(node)
        await node.check(["rpm-ostree", "rollback"], root=True, timeout=LONG)


async def _deployments(node: SshNode) -> list[dict[str, Any]]:
    text = (await node.check(["rpm-ostree", "status", "--json"], root=True)).text
    try:
        found = json.loads(text)["deployments"]
        return [dict(deployment) for deployment in found]
    except (ValueError, KeyError, TypeError) as exc:
        raise SshError(node.name, f"rpm-ostree status --json prints no list of deployments: {exc}") from exc


async def _first(node: SshNode) -> str:
    found = await _deployments(node)
    return str(found[0].get("checksum", "")) if found else ""


async def _stop_zincati(node: SshNode) -> None:
    await node.run(["systemctl", "stop", "zincati"], root=True)  # it may not be there


class DebianCommands:
    """One root file system, changed in place by apt."""

    title = "Debian"
    no_rollback = (
        "apt changes the one root file system in place and keeps nothing to go back to; install the old "
        "versions (apt-get install PACKAGE=VERSION), or install the machine anew"
    )

    async def slot(self, node: SshNode) -> str:
        """Return "": it has none."""
        return ""

    async def upgrade(self, node: SshNode, source: str) -> AsyncIterator[Step]:
        """`upgrade` or `full-upgrade`, as apt-get calls them."""
        if source not in ("upgrade", "full-upgrade"):
            raise UsageError(f"{source!r} is no upgrade of Debian's: say upgrade, or full-upgrade")
        for words in (["update"], ["--yes", "-o", "Dpkg::Options::=--force-confold", source]):
            argv = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", *words]
            async for step in _told(node, argv):
                yield step

    async def rollback(self, node: SshNode) -> None:
        """Raise CannotError."""
        raise CannotError(self.title, Ability.ROLLBACK, self.no_rollback)


# ID of /etc/os-release -> its commands
COMMANDS: dict[str, type[FlatcarCommands] | type[CoreosCommands] | type[DebianCommands]] = {
    "flatcar": FlatcarCommands,
    "fedora": CoreosCommands,
    "rhcos": CoreosCommands,
    "debian": DebianCommands,
    "ubuntu": DebianCommands,
}


def _version(text: str, wanted: str) -> str:
    if not _VERSION.fullmatch(text):
        raise UsageError(f"{text!r} cannot be upgraded to: say {wanted}")
    return text


async def _told(node: SshNode, argv: list[str]) -> AsyncIterator[Step]:
    """Yield each line that a long command prints. Raises SshCommandFailed with its last one."""
    rest, last = b"", ""
    script = f"{shlex.join(argv)} 2>&1"
    try:
        async for data in node.stream(["sh", "-c", script], root=True):
            *lines, rest = (rest + data).replace(b"\r", b"\n").split(b"\n")
            for line in lines:
                if text := line.decode(errors="replace").strip():
                    last = text
                    yield Step(argv[0] if argv[0] != "env" else "apt-get", text[:200])
    except SshCommandFailed as exc:
        raise SshCommandFailed(node.name, f"{' '.join(argv)[:80]}: {last or exc}", exc.status) from exc
