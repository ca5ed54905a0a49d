"""PID 1 of the sandbox: makes the network, starts processes on request, reaps them, says how they ended.

One thread, no state on disk. When the control socket ends it exits, and the kernel kills every process of
the PID namespace and drops every interface with the last of them: there is no clean-up code to go wrong.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from lab.errors import SandboxError
from lab.sandbox.channel import Channel, Message
from lab.sandbox.link import Link
from lab.sandbox.network import Network

_SHIM = Path(__file__).with_name("shim.py")
_LOSSY = Path(__file__).with_name("lossy.py")


class Init:
    """The loop. `children` maps a PID to the lab's number of that process."""

    def __init__(self, channel: Channel, network: Network) -> None:
        self.channel = channel
        self.network = network
        self.children: dict[int, tuple[int, subprocess.Popen[bytes]]] = {}
        self.shims: dict[str, subprocess.Popen[bytes]] = {}
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def serve(self) -> None:
        """Answer requests until the lab is gone."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.channel.sock, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake_read in ready:
                    self._wake_read.recv(4096)
                    self.reap()
                if self.channel.sock in ready and not self.answer():
                    return

    def answer(self) -> bool:
        """Serve one request; False once the lab is gone."""
        received = self.channel.receive()
        if received is None:
            return False
        message, fds = received
        try:
            reply, out = self.perform(message, fds)
        except (OSError, SandboxError) as exc:
            reply, out = {"error": str(exc)}, []
        except Exception as exc:  # a bug of ours or of pyroute2: the lab is told, and the sandbox lives on
            reply, out = {"error": repr(exc)}, []
        finally:
            for fd in fds:
                os.close(fd)
        self.channel.send({"id": message["id"], **reply}, out)
        for fd in out:
            os.close(fd)
        return True

    def perform(self, message: Message, fds: list[int]) -> tuple[Message, list[int]]:
        """Return the answer to a request and the descriptors that go with it."""
        if message["op"] == "spawn":
            return {}, [self.spawn(message, fds)]
        if message["op"] == "plug":
            self.network.plug(message["name"], plugged=message["plugged"])
            return {}, []
        if message["op"] == "impair":
            self.impair(message["name"], message["words"])
            return {}, []
        return self.link(message["name"]), []

    def spawn(self, message: Message, fds: list[int]) -> int:
        """Start a process with `fds` as its standard streams; return its pidfd."""
        stdin, stdout, stderr = fds
        process = subprocess.Popen(
            message["argv"],
            env=message["env"],
            cwd=message["cwd"],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # a Ctrl-C at the lab's terminal is the lab's to handle
        )
        self.children[process.pid] = (message["id"], process)
        return os.pidfd_open(process.pid)

    def link(self, name: str) -> Message:
        """Make a link, start its shim where it needs one, and describe it."""
        link, sockets = self.network.link(name)
        if sockets and name not in self.shims:
            self.carry(name, [])
        return describe(link)

    def impair(self, name: str, words: list[str]) -> None:
        """Put another shim on a link: a bad one, or (without words) a good one. Raises SandboxError."""
        if words:
            self.network.forget_tap(name)
        link, _ = self.network.link(name, kind="packet")
        if link.kind != "packet":
            return  # a tap, which is a good cable
        old = self.shims.pop(name, None)
        if old is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(old.pid, signal.SIGKILL)  # both processes of shim.py
        self.carry(name, words)

    def carry(self, name: str, words: list[str]) -> None:
        """Start the shim of a packet link. Frames that came meanwhile wait in its sockets."""
        link, sockets = self.network.link(name)
        fds = [s.fileno() for s in sockets]
        script = _LOSSY if words else _SHIM
        argv = [sys.executable, "-I", "-S", str(script), *map(str, fds), str(link.local), *words]
        self.shims[name] = subprocess.Popen(
            argv, pass_fds=fds, stdin=subprocess.DEVNULL, start_new_session=True
        )

    def reap(self) -> None:
        """Collect every process that ended, orphans included, and report those that the lab started."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            child = self.children.pop(ended.si_pid, None)
            if child is None:
                os.waitpid(ended.si_pid, 0)
                continue
            number, process = child
            self.channel.send({"ended": number, "status": process.wait()})


def describe(link: Link) -> Message:
    """Return `link` as JSON takes it."""
    return {
        "kind": link.kind,
        "interface": link.interface,
        "local": str(link.local) if link.local else None,
        "remote": str(link.remote) if link.remote else None,
    }


def run_init(channel: Channel, settings: dict[str, Any]) -> NoReturn:
    """Be PID 1 until the lab goes away. Never returns: exiting ends the sandbox."""
    try:
        try:
            network = Network(
                settings["bridge"], settings["address"], Path(settings["runtime_dir"]), settings["kind"]
            )
        except Exception as exc:
            channel.send({"failed": f"the sandbox's network could not be made: {exc!r}"})
            os._exit(1)
        channel.send({"ready": True})
        Init(channel, network).serve()
    except SandboxError:
        pass  # the lab went away while we answered it
    finally:
        os._exit(0)
