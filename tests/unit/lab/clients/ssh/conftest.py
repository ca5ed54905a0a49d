"""An SSH server of asyncssh's on loopback whose commands run on this host: a peer without root."""

import asyncio
import contextlib
import os
import signal
from dataclasses import replace

import asyncssh
import pytest

from lab.clients.ssh import Fingerprints, Login


async def _copy(source, target):
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()


async def _feed(process, child):
    await _copy(process.stdin, child.stdin)
    child.stdin.close()


async def _run(process):
    """Run what a client asks for in a shell, as sshd does; what does not end with its client is killed."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_shell(
        process.command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    out = asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
    feed = asyncio.create_task(_feed(process, child))
    gone = asyncio.create_task(process.wait_closed())
    try:
        await asyncio.wait((out, gone), return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            process.exit(await child.wait())
    finally:
        child.stdin.close()  # all that sshd does where a client goes
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), 2)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # the shell's children, too
        feed.cancel()
        for rest in (feed, gone, out):
            await asyncio.wait((rest,))
        child._transport.close()


class Peer:
    """The server; `login` and `trust` are what a client needs."""

    def __init__(self, folder):
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = asyncssh.generate_private_key("ssh-ed25519", comment="peer")
        path = folder / "key"
        path.touch(mode=0o600)
        path.write_bytes(self.key.export_private_key())
        self.login = Login("127.0.0.1", 0, "core", path)
        self.trust = Fingerprints(frozenset({self.host_key.get_fingerprint()}))

        self._serving = set()

    async def _serve(self, process):
        self._serving.add(asyncio.current_task())
        await _run(process)

    @contextlib.asynccontextmanager
    async def running(self, port=0):
        """Yield the login of the running server."""
        server = await asyncssh.listen(
            "127.0.0.1",
            port,
            server_host_keys=[self.host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(self.key.export_public_key().decode()),
            process_factory=self._serve,
            encoding=None,
        )
        try:
            yield replace(self.login, port=server.sockets[0].getsockname()[1])
        finally:
            server.close()
            await server.wait_closed()
            if self._serving:
                await asyncio.wait(self._serving)


@pytest.fixture
def peer(tmp_path):
    return Peer(tmp_path)
