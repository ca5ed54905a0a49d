"""One node while somebody works on it: the connection to its API, and programs run in its name."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from typing import Any

from lab.clients.talos.client import NodeClient
from lab.clients.talos.errors import NodeError
from lab.clients.talos.tls import Credentials
from lab.rollout.plan import Node
from lab.systems.ssh_client import SshClient

_KEPT = 4096  # bytes of what a program says
CALL_SECONDS = 20.0


class Session:
    """A node, and the one connection to it; closed by `close`.

    `before` is what the journal keeps of it (JSON-ready), `since_ns` when its change began (lab.clock).
    """

    def __init__(self, node: Node, credentials: Credentials | None) -> None:
        self.node = node
        self.before: dict[str, Any] = {}
        self.since_ns = 0
        self.prepared: Any = None  # what a change has worked out and need not do twice
        self._credentials = credentials
        self._client: NodeClient | None = None
        self._ssh: SshClient | None = None

    @property
    def client(self) -> NodeClient:
        """The client of its API; the connection is made at the first call."""
        if self._client is None:
            assert self._credentials is not None  # the plan file's reader demands a talosconfig
            address = f"[{self.node.address}]" if ":" in self.node.address else self.node.address
            self._client = NodeClient(f"{address}:{self.node.port}", self._credentials, timeout=CALL_SECONDS)
        return self._client

    @property
    def ssh(self) -> SshClient:
        """The client of a node over SSH; it logs in at the first call."""
        if self._ssh is None:
            how = self.node.ssh
            assert how is not None
            address = f"[{self.node.address}]" if ":" in self.node.address else self.node.address
            access = {"user": how.user, "key": str(how.key or ""), "known_hosts": str(how.known_hosts or "")}
            self._ssh = SshClient(f"{address}:{self.node.port}", {**access, "timeout": str(CALL_SECONDS)})
        return self._ssh

    async def close(self) -> None:
        """Close the connection; a later call makes another."""
        if self._client is not None:
            await self._client.connection.close()
        if self._ssh is not None:
            await self._ssh.close()

    async def run(self, argv: Sequence[str]) -> tuple[int, str]:
        """Run a program with {name}, {address}, {port} filled in; returns its status and its last line.

        It is killed where we stop waiting for it. Raises NodeError where it cannot be started.
        """
        words = [self._fill(word) for word in argv]
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except OSError as exc:
            raise NodeError(self.node.name, f"{words[0]} cannot be started: {exc.strerror}") from exc
        said = b""
        try:
            assert process.stdout is not None
            while part := await process.stdout.read(_KEPT):
                said = (said + part)[-_KEPT:]
            status = await process.wait()
        except BaseException:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    # Not process.kill(): its Popen.poll takes the status from asyncio's watcher
                    os.kill(process.pid, signal.SIGKILL)
                await process.wait()
            raise
        lines = said.decode(errors="replace").strip().splitlines()
        last = lines[-1] if lines else "it says nothing"
        return status, "".join(char if char.isprintable() else "?" for char in last)

    def _fill(self, word: str) -> str:
        for name, value in (
            ("name", self.node.name),
            ("address", self.node.address),
            ("port", self.node.port),
        ):
            word = word.replace(f"{{{name}}}", str(value))
        return word
