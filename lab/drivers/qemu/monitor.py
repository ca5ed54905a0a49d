"""QMP, QEMU's control protocol, over a Unix socket that we listen on and QEMU connects to.

Not the other way round: where QEMU listens, a client that comes while it is still starting now and then gets
two greetings, or no answer to its first command (seen with 7.2 under load, once in a thousand starts; the
monitor's thread and the accepting one both report the connection as new).

On top of qemu.qmp's QMPClient (asyncio). Its synchronous wrapper (qemu.qmp.legacy) ties itself to the event
loop of the thread that made it and complains when it is collected; ours must work from whichever thread
switches the power.
"""

import asyncio
import logging
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qemu.qmp import ExecuteError, QMPClient, QMPError

from lab.drivers.qemu.spawn import Process
from lab.errors import InfrastructureError

_CONNECT_SECONDS = 30.0  # to the first answer; a loaded host takes its time
_COMMAND_SECONDS = 30.0
_LOOK_SECONDS = 0.1  # how often we look whether QEMU, which has not connected yet, still lives

# What goes wrong with QMP reaches our caller as an exception; once is enough.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)


class Listener:
    """Where QEMU shall connect to. Make it before QEMU is started; a context manager."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.bind(str(path))
        self._sock.listen(1)
        self._sock.settimeout(_LOOK_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sock.close()
        self._path.unlink(missing_ok=True)

    def accept(self, process: Process) -> socket.socket:
        """Return the connection of `process`. Raises InfrastructureError where it ends or stays silent."""
        deadline = time.monotonic() + _CONNECT_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._sock.accept()[0]
            except TimeoutError:
                if process.poll() is not None:
                    raise InfrastructureError("QEMU ended before it opened its monitor") from None
        raise InfrastructureError("QEMU did not open its monitor")


class Monitor:
    """One QMP session over `connection`, as an asynchronous context manager.

    Everything raises InfrastructureError where QEMU refuses, ends, or stays silent.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._client = QMPClient("bootlab")

    async def __aenter__(self) -> Self:
        try:
            await asyncio.wait_for(self._client.connect(self._connection), _CONNECT_SECONDS)
        except (QMPError, TimeoutError) as exc:
            self._connection.close()
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
