"""One node over SSH: commands, files, streams. Host keys are checked: see lab.clients.ssh.trust."""

import asyncio
import contextlib
import shlex
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self

import asyncssh

from lab.clients.ssh.errors import SshCommandFailed, SshError, SshNotTrusted, SshUnreachable, from_error
from lab.clients.ssh.model import Login, Ran
from lab.clients.ssh.trust import Trust
from lab.errors import UsageError

LIMIT = 16 << 20  # bytes that a command may print
_CHUNK = 1 << 16
_KEEPALIVE, _LOST_AFTER = 10, 3  # seconds, and how many in a row may stay unanswered
# Runs "$@" until our end of its input closes: sshd ends no command when a connection without a terminal goes
_WHILE_CONNECTED = """\
exec 3<&0; "$@" </dev/null & p=$!
{ cat <&3; kill $p; } >/dev/null 2>&1 & w=$!
exec 3<&-; wait $p; s=$?; kill $w 2>/dev/null; exit $s"""
_WRITE = """\
mkdir -p -- "$(dirname -- "$1")" && umask 077 && t=$(mktemp -- "$1.XXXXXX") || exit 1
cat >"$t" && chmod -- "$2" "$t" && sync "$t" && mv -fT -- "$t" "$1" && exit 0
rm -f -- "$t"; exit 1"""


class _Verifier(asyncssh.SSHClient):
    """Asks `trust` about the host key of a connection; `fault` says why it was refused."""

    def __init__(self, login: Login, trust: Trust) -> None:
        self._login, self._trust = login, trust
        self.fault = ""
        self.error: UsageError | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Return whether the key is believed (asyncssh asks)."""
        try:
            self.fault = self._trust.fault(self._login, key, addr)
        except UsageError as exc:
            self.error = exc
        return not self.fault and self.error is None


class SshNode:
    """A node; an async context manager that connects. `timeout`: seconds for one answer.

    What fails is an SshError (SshUnreachable, SshNotTrusted, SshCommandFailed) or SshAccessDenied.
    """

    def __init__(self, login: Login, trust: Trust, *, timeout: float = 20.0) -> None:
        self.login, self._trust, self._timeout = login, trust, timeout
        self._connection: asyncssh.SSHClientConnection | None = None

    @property
    def name(self) -> str:
        """Who is logged in where."""
        return str(self.login)

    async def connect(self) -> Self:
        """Log in, where that is not done."""
        if self._connection is None:
            self._connection = await self._connect()
        return self

    async def close(self) -> None:
        """Close the connection; may be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
            await connection.wait_closed()

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def host_key(self) -> asyncssh.SSHKey:
        """The key of the host that we are connected to."""
        assert self._connection is not None
        key = self._connection.get_server_host_key()
        assert key is not None
        return key

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        root: bool = False,
        timeout: float | None = None,
        limit: int = LIMIT,
    ) -> Ran:
        """Run a command to its end. `root`: through sudo, without a password. `limit`: bytes of its output.

        Raises SshError where it takes longer, prints more, or the connection ends.
        """
        seconds = timeout or self._timeout
        words = self._words(argv, root=root)
        try:
            async with asyncio.timeout(seconds), self._process(words) as process:
                with contextlib.suppress(BrokenPipeError):  # it may have ended already, and well
                    process.stdin.write(stdin)
                    process.stdin.write_eof()
                out, err = await asyncio.gather(_all(process.stdout, limit), _all(process.stderr, limit))
                await process.wait()
                status = process.returncode
        except TimeoutError as exc:
            raise SshError(self.name, f"{argv[0]} is not done after {seconds:g} s") from exc
        except _TooMuch as exc:
            raise SshError(self.name, f"{argv[0]} printed more than {limit} bytes") from exc
        if status is None:
            raise SshUnreachable(self.name, f"the connection ended before {argv[0]} did")
        return Ran(status, out, err)

    async def check(self, argv: Sequence[str], **options: Any) -> Ran:
        """Run a command that must succeed; `options` as for `run`. Raises SshCommandFailed with its words."""
        done = await self.run(argv, **options)
        if done.status != 0:
            raise SshCommandFailed(
                self.name, f"{shlex.join(argv)[:120]} returned {done.status}: {done.said}", done.status
            )
        return done

    async def stream(self, argv: Sequence[str], *, root: bool = False) -> AsyncGenerator[bytes, None]:
        """Yield what a command prints, as it comes; leaving the loop ends the command.

        Raises SshCommandFailed where it ends by itself and not well.
        """
        words = ["sh", "-c", _WHILE_CONNECTED, "sh", *argv]
        async with self._process(self._words(words, root=root)) as process:
            said = asyncio.create_task(_tail(process.stderr))
            while data := await process.stdout.read(_CHUNK):
                yield data
            await process.wait()
            words_said = (await said).decode(errors="replace").strip() or "it said nothing"
            if process.returncode is None:
                raise SshUnreachable(self.name, f"the connection ended before {argv[0]} did")
            if process.returncode != 0:
                raise SshCommandFailed(self.name, f"{argv[0]}: {words_said}", process.returncode)

    async def read_file(self, path: str, *, root: bool = False, limit: int = LIMIT) -> bytes:
        """Return a file's content. Raises SshCommandFailed where it cannot be read."""
        return (await self.check(["cat", "--", path], root=root, limit=limit)).stdout

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644, root: bool = False) -> None:
        """Write a file whole or not at all; folders are made. Raises SshCommandFailed."""
        words = ["sh", "-c", _WRITE, "sh", path, f"{mode:o}"]
        done = await self.run(words, stdin=data, root=root)
        if done.status != 0:
            raise SshCommandFailed(self.name, f"{path} cannot be written: {done.said}", done.status)

    def _words(self, argv: Sequence[str], *, root: bool) -> str:
        prefix = ["sudo", "-n", "--"] if root and self.login.user != "root" else []
        return shlex.join([*prefix, *argv])

    @contextlib.asynccontextmanager
    async def _process(self, words: str) -> AsyncIterator["asyncssh.SSHClientProcess[bytes]"]:
        await self.connect()
        assert self._connection is not None
        try:
            process = await self._connection.create_process(words, encoding=None)
            try:
                yield process
            finally:
                process.close()
        except (asyncssh.Error, BrokenPipeError, ConnectionError) as exc:
            await self.close()  # the next call makes a new one
            raise from_error(self.name, exc) from exc

    async def _connect(self) -> asyncssh.SSHClientConnection:
        verifier = _Verifier(self.login, self._trust)
        options: dict[str, Any] = {"agent_path": None} if self.login.key else {}
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncssh.connect(
                    self.login.host,
                    self.login.port,
                    username=self.login.user,
                    client_keys=[str(self.login.key)] if self.login.key else [],
                    known_hosts=b" ",  # nobody: the verifier is asked
                    client_factory=lambda: verifier,
                    config=None,
                    keepalive_interval=_KEEPALIVE,
                    keepalive_count_max=_LOST_AFTER,
                    preferred_auth="publickey",
                    **options,
                )
        except (
            asyncssh.KeyImportError,
            asyncssh.KeyEncryptionError,
            FileNotFoundError,
            PermissionError,
        ) as exc:
            raise UsageError(f"{self.login.key}: cannot be read as an SSH private key: {exc}") from exc
        except (asyncssh.Error, OSError) as exc:
            if verifier.error is not None:
                raise verifier.error from exc
            if verifier.fault:
                raise SshNotTrusted(self.name, verifier.fault) from exc
            raise from_error(self.name, exc) from exc


class _TooMuch(Exception):
    """More output than was asked for."""


async def _all(reader: "asyncssh.SSHReader[bytes]", limit: int) -> bytes:
    found = bytearray()
    while data := await reader.read(_CHUNK):
        found += data
        if len(found) > limit:
            raise _TooMuch
    return bytes(found)


async def _tail(reader: "asyncssh.SSHReader[bytes]") -> bytes:
    """The last of a stream that may be endless."""
    last = b""
    while data := await reader.read(_CHUNK):
        last = (last + data)[-_CHUNK:]
    return last
