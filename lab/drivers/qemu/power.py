"""The power switch of an emulated board: on starts QEMU, off kills it."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lab.clock import now_ns
from lab.drivers.context import DriverContext
from lab.drivers.qemu.console import QemuConsole
from lab.drivers.qemu.disks import Attached, prepare
from lab.drivers.qemu.kick import Kicker
from lab.drivers.qemu.monitor import Listener, Monitor
from lab.drivers.qemu.options import CONSOLE, QemuOptions
from lab.drivers.qemu.spawn import InSandbox, Plain, Process, Site
from lab.errors import ConfigError, InfrastructureError
from lab.model import BoardType, Place
from lab.sandbox import Sandbox

_STOP_SECONDS = 10.0
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Gone:
    """A board that went away by itself: QEMU's exit status (negative for a signal) and its last words."""

    status: int
    last_lines: tuple[str, ...]

    def __str__(self) -> str:
        how = (
            f"was killed by signal {-self.status}" if self.status < 0 else f"ended with status {self.status}"
        )
        return f"QEMU {how}" + (f": {' | '.join(self.last_lines)}" if self.last_lines else "")


class QemuPower:
    """A PowerPort. `console` is the board's ByteStream, `last_on_ns` when the power last came on.

    `write_logs`: for the disks named by their number, the file to which QEMU logs writes and flushes from the
    next power-on (see lab.powercut).

    Off is hard, like the switch that it stands for. Switching on what is on changes nothing. Thread-safe.
    """

    def __init__(self, place: Place, board_type: BoardType, sandbox: Sandbox | None = None) -> None:
        self.name = place.name
        self.mac = place.mac
        self.options = QemuOptions.of(board_type.name, board_type.qemu)
        self.console = QemuConsole(f"{place.name} (QEMU)")
        self.last_on_ns: int | None = None
        self.write_logs: dict[int, Path] = {}
        self._sandbox = sandbox
        self._site: Site | None = None
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._kicker: Kicker | None = None
        self._gone: Gone | None = None

    @classmethod
    def for_place(cls, options: dict[str, Any], context: DriverContext) -> Self:
        """Return the switch of a place; `options` override those of its board type."""
        board_type = context.board_type
        power = cls(context.place, board_type, context.sandbox)
        try:
            power.options = QemuOptions.of(board_type.name, {**board_type.qemu, **options})
        except ConfigError as exc:
            where = f"place {context.place.name}: power: qemu: "
            raise ConfigError([where + fault for fault in exc.faults]) from exc
        return power

    def on(self) -> None:
        """Start the board; `last_on_ns` is the moment before its first instruction.

        Raises InfrastructureError: QEMU or the firmware is not installed (naming the package), or QEMU does
        not start (with its own words).
        """
        with self._lock:
            if self.is_on():
                return
            self.options.check()
            self._gone = None
            site = self._site_to_run_in()
            qmp = site.runtime_dir / f"{self.name}.qmp"
            argv = self.options.command_line(
                name=self.name,
                mac=self.mac,
                netdev=site.netdev(self.name),
                qmp=qmp,
                variables=self._variables(site.runtime_dir),
                disks=[
                    Attached(self.disk_file(n), self.write_logs.get(n))
                    for n in range(len(self.options.disks))
                ],
            )
            with Listener(qmp) as listener:
                process = site.start(argv, self._log_file())
                try:
                    self.last_on_ns = self._start(listener.accept(process))
                except BaseException as exc:
                    self._stop(process)
                    if isinstance(exc, InfrastructureError):
                        said = " | ".join(self._last_lines()) or "QEMU said nothing"
                        raise InfrastructureError(f"{self.name} does not start: {exc}; {said}") from exc
                    raise
            self._process = process

    def off(self) -> None:
        """Kill the board; returns once it is gone."""
        with self._lock:
            if self._process is None:
                return
            self._gone = self.gone
            self._stop(self._process)
            self._process = None
            if self._kicker is not None:
                self._kicker.wait()
                self._kicker = None

    def is_on(self) -> bool:
        """Return whether the board runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process of the running board, None while it is off."""
        return self._process.pid if self._process is not None and self.is_on() else None

    @property
    def gone(self) -> Gone | None:
        """Evidence, where the board went away without being switched off; until it is switched on again."""
        process = self._process
        if process is None:
            return self._gone
        status = process.poll()
        return None if status is None else Gone(status, tuple(self._last_lines()))

    def disk_file(self, number: int) -> Path:
        """Return the file of disk `number` (from 0), made where it is missing; it outlives the power.

        One without a path of its own is gone when the lab is closed. Raises InfrastructureError.
        """
        own = self._site_to_run_in().runtime_dir / f"{self.name}.disk{number}"
        return prepare(self.options.disks[number], own)

    def _start(self, connection: socket.socket) -> int:
        """Let the machine run, and have its network card looked after where it needs that; return when."""
        session = connection.dup()  # ours outlives the one that brings it up
        try:
            power_on = asyncio.run(self._bring_up(connection))
        except BaseException:
            session.close()
            raise
        if self.options.nic.startswith("virtio-net"):
            self._kicker = Kicker(session)
        else:
            session.close()
        return power_on

    async def _bring_up(self, connection: socket.socket) -> int:
        """Open the console, make the machine, let it run; return when."""
        async with Monitor(connection) as monitor:
            self.console.attach(await monitor.pty_of(CONSOLE))
            await monitor.execute("x-exit-preconfig")
            power_on = now_ns()
            await monitor.execute("cont")
        return power_on

    def _site_to_run_in(self) -> Site:
        if self._site is None:
            self._site = Plain() if self._sandbox is None else InSandbox(self._sandbox)
        return self._site

    def _variables(self, folder: Path) -> Path | None:
        """The place's own variable store: made at its first power-on, then kept, as a flash chip is."""
        if not self.options.variables:
            return None
        own = folder / f"{self.name}.vars"
        if not own.exists():
            shutil.copyfile(self.options.variables, own)
        return own

    def _stop(self, process: Process) -> None:
        process.kill()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired as exc:
            raise InfrastructureError(f"{self.name}: QEMU (process {process.pid}) cannot be killed") from exc

    def _log_file(self) -> Path:
        return self._site_to_run_in().runtime_dir / f"{self.name}.log"

    def _last_lines(self) -> list[str]:
        """What QEMU said last, without its announcement of the pty."""
        text = ""
        with contextlib.suppress(OSError):
            text = self._log_file().read_text(errors="replace")
        lines = [line.strip() for line in text.splitlines()]
        return [line for line in lines if line and "char device redirected" not in line][-_LAST_LINES:]
