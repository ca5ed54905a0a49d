"""The lab's handle on a sandbox: start it, run things in it, plug boards into it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import lab
from lab.errors import SandboxError
from lab.sandbox.channel import Channel, Message
from lab.sandbox.impairment import Impairment
from lab.sandbox.link import Link
from lab.sandbox.process import SandboxProcess
from lab.sandbox.rundir import create_runtime_dir
from lab.sandbox.serverfault import ServerFault
from lab.sandbox.stdio import Stdio, StdioArgument

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
KINDS = ("auto", "tap", "packet")


class Sandbox:
    """A network namespace with a bridge, as root or in a user namespace; use it as a context manager.

    `address` is our end of the bridge, `interface` the same with its prefix, `bridge` the device's name,
    `runtime_dir` a folder for Unix sockets and logs that goes away with the sandbox. Inside, processes
    are root and may bind any port; files and Unix sockets are those of the host. Thread-safe.
    """

    def __init__(self, *, bridge: str, address: str, kind: str) -> None:
        self.bridge = bridge
        self.interface = IPv4Interface(address)
        self._requests: dict[int, Future[tuple[Message, list[int]]]] = {}
        self._processes: dict[int, SandboxProcess] = {}
        self._lock = threading.Lock()
        self._last_id = 0
        self._closed = False
        self._gone = False
        self.runtime_dir, lock = create_runtime_dir()
        settings = {
            "bridge": bridge,
            "address": address,
            "kind": kind,
            "runtime_dir": str(self.runtime_dir),
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the sandbox)
        self._channel = Channel(ours)
        try:
            self._holder = _start_holder(theirs.fileno(), lock, settings, self._log.fileno())
        except OSError as exc:
            shutil.rmtree(self.runtime_dir, ignore_errors=True)
            ours.close()
            self._log.close()
            raise SandboxError(f"the sandbox's holder cannot be started: {exc}") from exc
        finally:
            theirs.close()
            os.close(lock)
        self._reader = threading.Thread(target=self._read, name="sandbox", daemon=True)

    @classmethod
    def create(cls, *, bridge: str = "br0", address: str = "10.99.0.1/24", kind: str = "auto") -> Self:
        """Return a running sandbox. `kind` of its links: tap, packet, or auto (tap where it can be).

        Raises SandboxError that says what was tried and what to enable.
        """
        if kind not in KINDS:
            raise SandboxError(f"unknown kind of link {kind!r}; there are {', '.join(KINDS)}")
        sandbox = cls(bridge=bridge, address=address, kind=kind)
        try:
            sandbox._await_ready()
        except BaseException:
            sandbox.close()
            raise
        sandbox._reader.start()
        return sandbox

    @property
    def address(self) -> IPv4Address:
        """Our own address on the bridge."""
        return self.interface.ip

    def spawn(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        stdin: StdioArgument = subprocess.DEVNULL,
        stdout: StdioArgument = None,
        stderr: StdioArgument = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> SandboxProcess:
        """Start a process inside. `stdin`, `stdout`, `stderr`, `env`, `cwd` as in subprocess.Popen.

        Raises SandboxError where it cannot be started or the sandbox is gone.
        """
        words = [os.fspath(word) for word in argv]
        process = SandboxProcess(words)
        request = {
            "op": "spawn",
            "argv": words,
            "env": dict(os.environ if env is None else env),
            "cwd": os.path.abspath(cwd or "."),
        }
        with Stdio(stdin, stdout, stderr) as stdio:
            try:
                self._ask(request, stdio.theirs, process)
            except SandboxError as exc:
                raise SandboxError(f"cannot start {words[0]} in the sandbox: {exc}") from exc
            process.stdin, process.stdout, process.stderr = stdio.keep()
        return process

    def run(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return its status and output (UTF-8, with replacement).

        Raises subprocess.TimeoutExpired, after killing it.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.spawn(argv, stdout=out, stderr=err, env=env, cwd=cwd)
            try:
                status = process.wait(timeout)
            except BaseException:
                process.kill()
                process.wait(_STOP_SECONDS)
                raise
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
        return subprocess.CompletedProcess(process.args, status, *texts)

    def link(self, name: str) -> Link:
        """Return the link of that name; the first call plugs it into the bridge.

        Raises SandboxError where a tap was asked for and /dev/net/tun cannot be used.
        """
        reply, _ = self._ask({"op": "link", "name": name}, [])
        local, remote = (Path(reply[end]) if reply[end] else None for end in ("local", "remote"))
        return Link(name=name, kind=reply["kind"], interface=reply["interface"], local=local, remote=remote)

    def plug(self, name: str, *, plugged: bool) -> None:
        """Put the cable of a link that exists into the bridge, or pull it out: what a bad cable does."""
        self._ask({"op": "plug", "name": name, "plugged": plugged}, [])

    def impair(self, name: str, impairment: Impairment | ServerFault | None) -> None:
        """Make the cable of a link a bad one, or (None) a good one again; the board may run meanwhile.

        A link that does not exist yet is made, as a packet link; so is a tap of a board that is off. Raises
        SandboxError for a tap in use: the kernel carries its frames, not we.
        """
        words = impairment.to_words() if impairment is not None else []
        self._ask({"op": "impair", "name": name, "words": words}, [])

    def close(self) -> None:
        """End every process inside and remove all; returns once nothing is left. May be called twice."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):  # init may be gone already
            self._channel.sock.shutdown(socket.SHUT_RDWR)
        try:
            self._holder.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._holder.kill()  # its init dies with it
            self._holder.wait()
        if self._reader.is_alive():
            self._reader.join(_STOP_SECONDS)
        self._channel.sock.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _await_ready(self) -> None:
        self._channel.sock.settimeout(_START_SECONDS)
        try:
            received = self._channel.receive()
        except TimeoutError as exc:
            raise SandboxError(f"the sandbox did not start within {_START_SECONDS:.0f} s") from exc
        self._channel.sock.settimeout(None)
        if received is None:
            self._holder.wait(_STOP_SECONDS)
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip()
            raise SandboxError(f"the sandbox's holder ended at once: {said or 'without a word'}")
        if "failed" in received[0]:
            raise SandboxError(received[0]["failed"])

    def _ask(
        self, request: Message, fds: list[int], process: SandboxProcess | None = None
    ) -> tuple[Message, list[int]]:
        """Send a request and wait for its answer."""
        answer: Future[tuple[Message, list[int]]] = Future()
        with self._lock:
            if self._closed or self._gone:
                raise SandboxError("the sandbox is closed" if self._closed else "the sandbox is gone")
            self._last_id += 1
            number = self._last_id
            self._requests[number] = answer
            if process is not None:
                self._processes[number] = process
            self._channel.send({"id": number, **request}, fds)
        reply, received = answer.result()
        if "error" in reply:
            self._processes.pop(number, None)
            raise SandboxError(reply["error"])
        return reply, received

    def _read(self) -> None:
        """Take messages off the control socket until the sandbox ends (a thread of its own)."""
        try:
            while (received := self._channel.receive()) is not None:
                message, fds = received
                if "ended" in message:
                    self._processes.pop(message["ended"]).ended(message["status"])
                    continue
                if fds:
                    self._processes[message["id"]].started(fds[0])
                self._requests.pop(message["id"]).set_result((message, fds))
        finally:
            self._lose_all()

    def _lose_all(self) -> None:
        """The sandbox is gone: whoever waits for something in it shall know."""
        with self._lock:
            self._gone = True
            lost, requests = list(self._processes.values()), list(self._requests.values())
            self._processes.clear()
            self._requests.clear()
        for process in lost:
            process.ended(-signal.SIGKILL)
        for request in requests:
            request.set_result(({"error": "the sandbox is gone"}, []))


def _start_holder(control: int, lock: int, settings: dict[str, Any], log: int) -> subprocess.Popen[bytes]:
    """Start the holder in a session of its own, so that Ctrl-C reaches only the lab."""
    root = Path(lab.__file__).parent.parent
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH", ""))))
    words = [str(control), str(lock), str(os.getpid()), json.dumps(settings)]
    return subprocess.Popen(
        [sys.executable, "-m", "lab.sandbox.holder", *words],
        pass_fds=(control, lock),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path},
    )
