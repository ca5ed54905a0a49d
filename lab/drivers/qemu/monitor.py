"""QMP, QEMU's control protocol, over a Unix socket.

On top of qemu.qmp's QMPClient (asyncio), one short connection at a time. Its synchronous wrapper
(qemu.qmp.legacy) ties itself to the event loop of the thread that made it and complains when it is collected;
ours must work from whichever thread switches the power.
"""

import asyncio
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qemu.qmp import ExecuteError, QMPClient, QMPError

from lab.drivers.qemu.spawn import Process
from lab.errors import InfrastructureError

_CONNECT_SECONDS = 20.0  # to the first answer; a loaded host takes its time
_COMMAND_SECONDS = 20.0
_POLL_SECONDS = 0.005


class Monitor:
    """One QMP session with `process`, as an asynchronous context manager.

    Everything raises InfrastructureError where QEMU refuses, ends, or stays silent.
    """

    def __init__(self, path: Path, process: Process) -> None:
        self._path = path
        self._process = process
        self._client = QMPClient("bootlab")

    async def __aenter__(self) -> Self:
        sock = _connect(self._path, self._process)
        try:
            await asyncio.wait_for(self._client.connect(sock), _CONNECT_SECONDS)
        except (QMPError, TimeoutError) as exc:
            sock.close()
            raise InfrastructureError(f"QEMU's monitor gave no greeting ({exc})") from exc
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._client.disconnect()
        except (QMPError, OSError, EOFError) as exc:
            if error is None:
                raise InfrastructureError(f"QEMU's monitor broke off ({exc})") from exc

    async def execute(self, command: str, arguments: dict[str, object] | None = None) -> Any:
        """Return what `command` returns."""
        try:
            return await asyncio.wait_for(self._client.execute(command, arguments), _COMMAND_SECONDS)
        except ExecuteError as exc:
            raise InfrastructureError(f"QEMU refuses {command}: {exc}") from exc
        except (QMPError, TimeoutError, EOFError) as exc:
            raise InfrastructureError(f"QEMU did not answer {command} ({exc})") from exc

    async def pty_of(self, chardev: str) -> str:
        """Return the path of the terminal behind a character device."""
        for device in await self.execute("query-chardev"):
            if device["label"] == chardev:
                return str(device["filename"]).removeprefix("pty:")
        raise InfrastructureError(f"QEMU has no character device {chardev}")


def _connect(path: Path, process: Process) -> socket.socket:
    """Return a connection as soon as QEMU listens. Nothing announces that, so we look every few ms."""
    deadline = time.monotonic() + _CONNECT_SECONDS
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(path))
            return sock
        except (FileNotFoundError, ConnectionRefusedError):
            sock.close()
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
            raise InfrastructureError("QEMU did not open its monitor socket") from None
        raise InfrastructureError("QEMU ended before it opened its monitor")
