"""A process inside the sandbox, as the lab holds it: the part of subprocess.Popen that makes sense here."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from lab.clock import now_ns


class SandboxProcess:
    """Started by Sandbox.spawn. All methods may be called from any thread.

    `pid` is the one of the host's PID namespace, `returncode` is negative for a signal, None while it runs.
    `stdin`, `stdout`, `stderr` are files where PIPE was asked for. `ended_ns` is when the end was reported.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self.args = list(argv)
        self.pid = 0
        self.returncode: int | None = None
        self.ended_ns: int | None = None
        self.stdin: BinaryIO | None = None
        self.stdout: BinaryIO | None = None
        self.stderr: BinaryIO | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._pidfd: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once it ended. Raises subprocess.TimeoutExpired."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """Send SIGTERM; nothing happens where it has ended."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL; nothing happens where it has ended."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal, through a pidfd: it cannot hit another process that got the same number."""
        with self._lock:
            if self._pidfd is None:
                return
            with contextlib.suppress(ProcessLookupError):  # ended, and the report is on its way
                signal.pidfd_send_signal(self._pidfd, number)

    def close_streams(self) -> None:
        """Close our ends of its pipes."""
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def started(self, pidfd: int) -> None:
        """Called by the sandbox: it runs."""
        info = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
        match = re.search(r"^Pid:\s*(\d+)", info, re.MULTILINE)
        with self._lock:
            self._pidfd = pidfd
            self.pid = int(match[1]) if match else 0

    def ended(self, status: int) -> None:
        """Called by the sandbox: it ended."""
        with self._lock:
            if self._pidfd is not None:
                os.close(self._pidfd)
                self._pidfd = None
            if self.returncode is None:
                self.ended_ns = now_ns()
                self.returncode = status
        self._ended.set()
