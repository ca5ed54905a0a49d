"""Any command whose standard input and output are a console, on a pty of its own.

This is how U-Boot's own test suite reaches boards (`u-boot-test-console`), so every lab that has such a hook
script, or `ssh`, `conserver`, `telnet`, `picocom`, plugs in unchanged.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tty
from collections.abc import Sequence

from lab.drivers.stream.descriptor import DescriptorReader
from lab.errors import InfrastructureError, StreamClosed

_END_SECONDS = 2.0  # between SIGTERM and SIGKILL


class ProcessStream:
    """A ByteStream over a command. `command` is a list of arguments, or one string in shell quoting.

    `raw` leaves bytes as they are; False gives the command a terminal in its usual (cooked) state.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        *,
        raw: bool = True,
        env: dict[str, str] | None = None,
        name: str = "",
    ) -> None:
        self.argv = shlex.split(command) if isinstance(command, str) else list(command)
        self.name = name or (self.argv[0] if self.argv else "process")
        self._raw = raw
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._master = -1
        self._reader: DescriptorReader | None = None
        self._closed = True

    def open(self) -> None:
        """Start the command. Raises InfrastructureError where it cannot be started."""
        if not self._closed:
            return
        if not self.argv or shutil.which(self.argv[0]) is None:
            raise InfrastructureError(
                f"console {self.name}: no such command: {shlex.join(self.argv) or '(empty)'}"
            )
        master, slave = os.openpty()
        if self._raw:
            tty.setraw(slave)
        # setsid --ctty makes the pty the controlling terminal: the command gets SIGHUP even if we are killed
        argv = ["setsid", "--ctty", *self.argv]
        try:
            self._process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=self._env)
        except OSError as error:
            os.close(master)
            raise InfrastructureError(f"console {self.name}: {shlex.join(self.argv)}: {error}") from error
        finally:
            os.close(slave)
        self._master, self._reader = master, DescriptorReader(master)
        self._closed = False

    def read(self, timeout: float) -> bytes:
        """As soon as anything has come; b"" after `timeout` seconds; StreamClosed once the command ended."""
        reader = self._reader
        if self._closed or reader is None:
            raise StreamClosed(f"console {self.name} is closed")
        try:
            data = reader.read(timeout)
        except OSError:  # EIO: the last process that had the pty open is gone
            data = b""
        if data is None:
            return b""
        if not data:
            raise StreamClosed(f"console {self.name}: {shlex.join(self.argv)} ended{self._status()}")
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises StreamClosed where the command is gone."""
        if self._closed:
            raise StreamClosed(f"console {self.name} is closed")
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._master, view) :]
        except OSError as error:
            raise StreamClosed(f"console {self.name}: cannot write: {error.strerror}") from error

    def close(self) -> None:
        """End the command (SIGTERM, then SIGKILL) and close the pty; may be called twice."""
        if self._closed:
            return
        self._closed = True
        process = self._process
        assert process is not None
        assert self._reader is not None
        self._reader.close()
        if process.poll() is None:
            _signal_group(process.pid, signal.SIGTERM)
            _signal_group(process.pid, signal.SIGHUP)  # interactive shells ignore the other
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                _signal_group(process.pid, signal.SIGKILL)
                process.wait()
        os.close(self._master)

    def _status(self) -> str:
        assert self._process is not None
        try:
            return f" with status {self._process.wait(0.5)}"
        except subprocess.TimeoutExpired:
            return " its output"


def _signal_group(pid: int, number: signal.Signals) -> None:
    """To the whole session that setsid made; to the process alone in the instant before it did."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
