"""One node of a system without an API, over SSH, as lab.systems.interface.OsClient. docs/ssh.md."""

import asyncio
import contextlib
import shlex
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from time import monotonic

from lab.clients.ssh import Anybody, Fingerprints, KnownHosts, Login, SshError, SshNode, SshUnreachable, Trust
from lab.errors import UsageError
from lab.systems.hostconfig import Configurer, read_host_config
from lab.systems.interface import Ability, CannotError, Facts, Health, Step
from lab.systems.ssh_commands import COMMANDS, Commands

ACCESS = ("user", "key", "known_hosts", "fingerprint", "insecure", "timeout", "reboot_timeout")
_ARCHES = {"aarch64": "arm64", "armv7l": "arm"}  # uname's word -> pxe.plan.Arch's
_LOOK = (
    "cat /etc/os-release && echo && uname -m && uname -r && hostname && cat /proc/sys/kernel/random/boot_id"
)
_NO_ANSWER_SECONDS = 0.5  # between two looks at a node that reboots
_REBOOT_SECONDS = 600.0


class SshClient:
    """A node at `address` (USER@HOST:PORT, or an IP address). `access`: `user`, `key` (a file), and how its
    host key is known: `known_hosts` (a file; OpenSSH's own by default), the console's `fingerprint`, or
    `insecure`; `timeout` for an answer and `reboot_timeout` for a reboot, in seconds.

    It finds out by itself which system runs there. Raises UsageError for an option that cannot be.
    """

    def __init__(self, address: str, access: Mapping[str, str]) -> None:
        login, trust = login_of(address, access), trust_of(access)
        self.node = SshNode(login, trust, timeout=_seconds(access, "timeout", 20.0))
        self._reboot_seconds = _seconds(access, "reboot_timeout", _REBOOT_SECONDS)

    async def facts(self) -> Facts:
        """Return what /etc/os-release, uname and the system's own command say."""
        words, (machine, kernel, hostname, _boot) = await self._look()
        commands = self._commands(words)
        return Facts(
            system=words.get("ID", ""),
            version=words.get("OSTREE_VERSION") or words.get("VERSION_ID", ""),
            arch=_ARCHES.get(machine, machine),
            hostname=hostname,
            slot=await commands.slot(self.node) if commands else "",
            kernel=kernel,
        )

    async def health(self) -> Health:
        """Return systemd's own word: `running` is ready; else which units failed, or what it waits for."""
        stage = (await self.node.run(["systemctl", "is-system-running"])).text.strip() or "unknown"
        if stage == "running":
            return Health(True, stage)
        kind = ["list-jobs"] if stage == "starting" else ["list-units", "--failed"]
        listed = await self.node.run(["systemctl", *kind, "--plain", "--no-legend", "--no-pager"])
        column = 1 if stage == "starting" else 0
        units = [line.split()[column] for line in listed.text.splitlines() if len(line.split()) > column]
        how = "is awaited" if stage == "starting" else "failed"
        return Health(False, stage, tuple(f"{unit} {how}" for unit in units))

    async def configure(self, config: str, *, dry_run: bool = False) -> str:
        """Set host name, DNS servers and files (see lab.systems.hostconfig); returns the difference."""
        return await Configurer(self.node).configure(read_host_config(config), dry_run=dry_run)

    async def upgrade(self, source: str) -> AsyncGenerator[Step, None]:
        """Upgrade by the system's own command, reboot, and wait until it answers again."""
        commands = await self._known(Ability.UPGRADE)
        async for step in commands.upgrade(self.node, source):
            yield step
        yield Step("reboot", "rebooting")
        await self.reboot()
        yield Step("ready", f"runs {(await self.facts()).version}")

    async def rollback(self) -> None:
        """Reboot into what ran before, and wait until it answers again. Raises CannotError."""
        commands = await self._known(Ability.ROLLBACK)
        await commands.rollback(self.node)
        await self.reboot()

    async def reboot(self) -> None:
        """Reboot, and wait until another boot answers. Raises SshUnreachable where none does in time."""
        before = (await self._look())[1][3]
        with contextlib.suppress(SshUnreachable):  # quicker than its answer
            await self.node.check(["systemctl", "reboot"], root=True)
        await self.node.close()
        begin = monotonic()
        while monotonic() - begin < self._reboot_seconds:
            try:
                if (await self._look())[1][3] != before:
                    return
            except SshUnreachable:
                await self.node.close()
            except SshError:  # sshd answers, and the system is on its way down
                await self.node.close()
            await asyncio.sleep(_NO_ANSWER_SECONDS)
        raise SshUnreachable(
            self.node.name, f"did not come back within {self._reboot_seconds:g} s of its reboot"
        )

    async def close(self) -> None:
        """Close the connection; may be called twice."""
        await self.node.close()

    async def _known(self, ability: Ability) -> Commands:
        words, _ = await self._look()
        commands = self._commands(words)
        if commands is None:
            title = words.get("PRETTY_NAME") or words.get("ID") or "an unknown system"
            raise CannotError(
                title, ability, f"only {', '.join(COMMANDS)} are known here; use its own commands"
            )
        return commands

    def _commands(self, words: Mapping[str, str]) -> Commands | None:
        kind = COMMANDS.get(words.get("ID", ""))
        if words.get("ID") == "fedora" and words.get("VARIANT_ID") != "coreos":
            return None
        return kind() if kind else None

    async def _look(self) -> tuple[dict[str, str], tuple[str, str, str, str]]:
        """Return /etc/os-release, and (machine, kernel, host name, mark of this boot)."""
        text = (await self.node.check(["sh", "-c", _LOOK])).text
        release, _, rest = text.rpartition("\n\n")
        lines = rest.strip().splitlines()
        if len(lines) != 4:
            raise SshError(self.node.name, "has no /etc/os-release, or it is none")
        return os_release(release), (lines[0], lines[1], lines[2], lines[3])


def os_release(text: str) -> dict[str, str]:
    """Return the words of an os-release(5). What is malformed is left out."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name.replace("_", "").isalnum():
            try:
                found[name] = "".join(shlex.split(value)[:1])
            except ValueError:
                continue
    return found


def login_of(address: str, access: Mapping[str, str]) -> Login:
    """Return who logs in where. Raises UsageError."""
    unknown = sorted(set(access) - set(ACCESS))
    if unknown:
        raise UsageError(f"{unknown[0]}: no such option; a node over SSH has {', '.join(ACCESS)}")
    key = Path(access["key"]).expanduser() if access.get("key") else None
    login = Login.of(address, key)
    if access.get("user"):
        if "@" in address:
            raise UsageError(f"{address} names a user, and user: {access['user']} another; leave one out")
        return Login(login.host, login.port, access["user"], key)
    return login


def trust_of(access: Mapping[str, str]) -> Trust:
    """Return which host keys are believed. Raises UsageError."""
    insecure = access.get("insecure", "") not in ("", "false", "no")
    named = [name for name in ("known_hosts", "fingerprint") if access.get(name)]
    if len(named) + insecure > 1:
        raise UsageError(
            "name one of known_hosts, fingerprint and insecure: they say how the host key is known"
        )
    if insecure:
        return Anybody()
    if access.get("fingerprint"):
        return Fingerprints.of(access["fingerprint"])
    return KnownHosts(Path(access["known_hosts"]).expanduser()) if named else KnownHosts()


def _seconds(access: Mapping[str, str], name: str, default: float) -> float:
    try:
        seconds = float(access.get(name, "") or default)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise UsageError(f"{name} {access[name]}: must be a number of seconds, more than 0")
    return seconds
