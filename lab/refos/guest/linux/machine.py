"""The real machine as the API's Platform."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.machineconfig.model import Authority
from lab.refos.guest.linux import release
from lab.refos.guest.linux.command import run
from lab.refos.guest.linux.identity import issue
from lab.refos.guest.linux.install import STATE, unmount_state
from lab.refos.guest.linux.network import LinuxNetwork
from lab.refos.guest.linux.observer import LinuxObserver
from lab.refos.guest.linux.proc import set_sysctls
from lab.refos.guest.linux.slots import RaucSlots
from lab.refos.guest.linux.store import FileStore
from lab.refos.guest.model import Identity, PlatformError, SlotName

_RUN = Path("/run/refos")
_SLOT = "REFOS_SLOT"
_NO_STATE = "STATE cannot be mounted"


class LinuxPlatform:
    """One per machine: `changed` is called when something below the API changed by itself."""

    def __init__(self, changed: Callable[[], None]) -> None:
        word = os.environ.get(_SLOT, "")
        self.booted = SlotName(word) if word in ("A", "B") else None
        _RUN.mkdir(mode=0o700, parents=True, exist_ok=True)
        memory = _RUN / "state"
        memory.mkdir(mode=0o700, exist_ok=True)
        self.release = release.read()
        # An installed node without STATE cannot know whether it has a configuration
        lost = self.booted is not None and not STATE.is_mount()
        self.store = FileStore(STATE if STATE.is_mount() else memory, _NO_STATE if lost else "")
        self.slots = RaucSlots(self.booted, self.store)
        self.network = LinuxNetwork(changed)
        self.observer = LinuxObserver()

    async def identity(
        self, authority: Authority | None, accepted: Sequence[bytes], names: Sequence[str]
    ) -> Identity:
        """Have openssl issue it."""
        return await issue(_RUN / "tls", authority, accepted, names)

    async def set_sysctls(self, values: Mapping[str, str]) -> None:
        """Write below /proc/sys."""
        refused = set_sysctls(values)
        if refused:
            raise PlatformError("; ".join(f"{name}: {reason}" for name, reason in refused.items()))

    async def services(self) -> Mapping[str, str]:
        """An installed system must have its STATE and the boot loader's environment."""
        if self.booted is None:
            return {}
        return {"storage": await asyncio.to_thread(self._storage_fault), "bootloader": self.slots.fault}

    def _storage_fault(self) -> str:
        if not STATE.is_mount():
            return "STATE is not mounted: what is configured is lost at the next boot"
        probe = STATE / ".probe"
        try:
            probe.write_bytes(b"1")
            probe.unlink()
        except OSError as error:
            return f"STATE cannot be written: {error.strerror}"
        return ""

    def say(self, line: str) -> None:
        """Print on the console."""
        with contextlib.suppress(OSError):
            print(f"refos: {line}", flush=True)  # noqa: T201

    async def reboot(self) -> None:
        """Leave by init, which flushes and restarts when its child is gone."""
        await self._leave("reboot")

    async def power_off(self) -> None:
        """Flush and switch off."""
        await self._leave("poweroff")

    async def _leave(self, how: str) -> None:
        self.say(f"{how} now")
        await unmount_state()
        await asyncio.to_thread(os.sync)
        await run([how, "-f"])
        await asyncio.Event().wait()
