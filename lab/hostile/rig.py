"""What a hostile campaign stands on: the board, the server beside it, nobody else."""

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.board import Board
from lab.errors import InfrastructureError
from lab.hostile.cases import Case
from lab.packets import recording
from lab.sandbox import SandboxProcess
from lab.session import LabSession

_ANSWER_SECONDS = 20.0
_STOP_SECONDS = 10.0


class Rig:
    """A context manager: starts the server where the board's cable is. `client` is the board's address."""

    def __init__(
        self, session: LabSession, place: str, interface: str, address: IPv4Address, client: IPv4Address
    ) -> None:
        self.session, self.interface, self.address, self.client = session, interface, address, client
        self.board: Board = session.board(place)
        self._process: SandboxProcess | subprocess.Popen[bytes] | None = None
        self._unread = b""

    def __enter__(self) -> Self:
        root = str(Path(__file__).parent.parent.parent)
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
        }
        words = [self.interface, str(self.address), str(self.client), self.board.place.mac]
        argv = [sys.executable, "-m", "lab.hostile.server", *words]
        pipe = subprocess.PIPE
        if self.board.emulated:
            assert self.session.sandbox is not None
            self._process = self.session.sandbox.spawn(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
        else:
            self._process = subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
        self._expect_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        process.wait(_STOP_SECONDS)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # a case that the server, gone by then, never read
                    stream.close()

    def set_case(self, case: Case | None) -> None:
        """Answer as `case` says from now on; None: well. Raises InfrastructureError: the server is gone."""
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(asdict(case) if case is not None else None).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it said why
        self._expect_ready()

    def check(self) -> None:
        """Raises InfrastructureError where the server is gone, as it is once it has heard a stranger."""
        assert self._process is not None
        assert self._process.stdout is not None
        if self._unread or select.select([self._process.stdout], [], [], 0)[0]:
            self._expect_ready()

    def recording(self, path: Path, comment: str) -> contextlib.AbstractContextManager[bool]:
        """Record the board's packets meanwhile."""
        sandbox = self.session.sandbox if self.board.emulated else None
        return recording(
            sandbox, self.session.interface(self.board.place), self.board.place.mac, path, comment
        )

    def _expect_ready(self) -> None:
        line = self._line()
        if line == "ready":
            return
        if line.startswith("stranger "):
            raise InfrastructureError(
                f"{line.removeprefix('stranger ')} asked for an address on {self.interface}: the hostile "
                "server stopped at once; it must be alone with its board"
            )
        assert self._process is not None
        assert self._process.stderr is not None
        self._process.terminate()
        self._process.wait(_STOP_SECONDS)
        words = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        reason = words[-1] if words else "without a word"
        raise InfrastructureError(f"the hostile server on {self.interface} ended: {reason}")

    def _line(self) -> str:
        """The next line that the server says; "" where it ends or says nothing."""
        assert self._process is not None
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._process.stdout], [], [], _ANSWER_SECONDS)
            data = os.read(self._process.stdout.fileno(), 4096) if ready else b""
            if not data:
                return ""
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


@contextlib.contextmanager
def sandboxed(session: LabSession, place: str) -> Iterator[Rig]:
    """The rig of an emulated place, in the session's sandbox, which nothing leaves."""
    session.board(place)
    sandbox = session.sandbox
    assert sandbox is not None
    client = sandbox.interface.network.network_address + 66
    with Rig(session, place, sandbox.bridge, sandbox.address, client) as rig:
        yield rig
