"""Where QEMU runs: in the sandbox, or as a plain child of ours (for people; its network is QEMU's own)."""

import os
import shutil
import subprocess
import weakref
from pathlib import Path
from typing import Protocol

from lab.drivers.qemu.options import NETDEV
from lab.sandbox import Sandbox
from lab.sandbox.rundir import create_runtime_dir


class Process(Protocol):
    """What subprocess.Popen and SandboxProcess have in common."""

    pid: int

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once it ended. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """Send SIGKILL."""


class Site(Protocol):
    """A place to run QEMU in. `runtime_dir` takes its sockets and its log."""

    runtime_dir: Path

    def netdev(self, name: str) -> tuple[str, ...]:
        """Return QEMU's arguments for the network of the board `name`."""

    def start(self, argv: list[str], log: Path) -> Process:
        """Start QEMU; what it says goes to `log`."""


class InSandbox:
    """In a sandbox: goes away with it, and hangs on its bridge."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.runtime_dir = sandbox.runtime_dir

    def netdev(self, name: str) -> tuple[str, ...]:
        """Return the board's link into the bridge."""
        return self._sandbox.link(name).netdev_args(NETDEV)

    def start(self, argv: list[str], log: Path) -> Process:
        """Start QEMU inside."""
        with log.open("wb") as file:
            return self._sandbox.spawn(argv, stdout=file, stderr=file)


class Plain:
    """Without a sandbox: a network card on QEMU's user-mode network, shut off from the world."""

    def __init__(self) -> None:
        self.runtime_dir, lock = create_runtime_dir()
        weakref.finalize(self, _remove, self.runtime_dir, lock)

    def netdev(self, name: str) -> tuple[str, ...]:
        """Return an isolated user-mode network; `name` does not matter there."""
        return ("-netdev", f"user,id={NETDEV},restrict=on")

    def start(self, argv: list[str], log: Path) -> Process:
        """Start QEMU as a child of ours, in a session of its own: Ctrl-C is ours to handle."""
        with log.open("wb") as file:
            return subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
