"""One connection to one node: calls with deadlines, and every failure as one clear error.

grpclib's Channel is given two things that it has no option for. TCP keepalive: a node whose power is cut says
nothing, and a stream would wait for ever (HTTP/2 pings would do, but Go's servers end a connection that pings
more often than every 5 minutes). And why a connection was lost: there TLS 1.3 tells a client that its
certificate is refused.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from typing import TypeVar, cast

from google.protobuf.message import DecodeError
from grpclib.client import Channel, Handler, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError
from grpclib.protocol import H2Protocol

from lab.clients.talos.errors import NodeError, NodeUnreachable, from_status
from lab.clients.talos.faults import from_os_error, turned_away
from lab.clients.talos.tls import Credentials
from lab.errors import LabError
from lab.keepalive import keep_alive
from lab.machineapi.corked import Corked
from lab.machineapi.framing import connect
from lab.machineapi.limits import limit_messages

PORT = 50000
Request = TypeVar("Request")
Reply = TypeVar("Reply")
Item = TypeVar("Item")
Answers = AsyncGenerator[Item, None]  # of a call that answers many times; close it or read it to the end

# What grpclib and protobuf raise over bytes that are no gRPC; NotImplementedError: over a compressed message
_GARBAGE = (DecodeError, ProtocolError, AssertionError, NotImplementedError, ValueError, KeyError)
_NO_HTTP2 = "Protocol error"  # grpclib's word for it


class _Protocol(H2Protocol):
    lost: Exception | None = None
    answered = False  # a call, well or badly

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.gone = asyncio.Event()
        connect(self, Corked(cast(asyncio.Transport, transport)), client=True)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost = exc if isinstance(exc, Exception) else None
        super().connection_lost(exc)
        self.gone.set()


class _Channel(Channel):
    """A channel over a socket with keepalive that remembers why it was lost."""

    last: _Protocol | None = None
    made: tuple[asyncio.Transport, _Protocol] | None = None

    def _protocol_factory(self) -> _Protocol:
        self.last = _Protocol(Handler(), self._config, self._h2_config)
        return self.last

    async def _create_connection(self) -> H2Protocol:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(
            self._protocol_factory, self._host, self._port, ssl=self._ssl
        )
        self.made = (transport, protocol)
        keep_alive(transport.get_extra_info("socket"))
        return protocol


class Connection:
    """The connection to one node, made at the first call and again where it was lost; a context manager.

    `node` is an address or a name, with `:port` where it is not 50000; `timeout` (seconds) is for
    connecting and for each call that answers once.
    """

    def __init__(self, node: str, credentials: Credentials, *, timeout: float = 20.0) -> None:
        self.node = node
        self.credentials = credentials
        self.timeout = timeout
        host, port = split_address(node)
        self.channel = _Channel(host, port, ssl=credentials.context)

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close it; a later call connects again.

        At once: all calls are over, and TLS's polite end waits for a peer who may be gone.
        """
        made, self.channel.made = self.channel.made, None
        if made is not None and not made[1].gone.is_set():
            made[0].abort()  # first: Python 3.11.2 forgets at a second close() what abort() needs
        self.channel.close()
        if made is not None:
            await made[1].gone.wait()

    async def ask(
        self, method: UnaryUnaryMethod[Request, Reply], request: Request, timeout: float | None = None
    ) -> Reply:
        """Call and return the answer. Raises NodeError or NodeAccessDenied."""
        cancelled = _cancelled()
        try:
            await self.connect()
            async with method.open(timeout=timeout or self.timeout) as stream:
                await stream.send_message(request, end=True)
                limit_messages(stream)
                reply = await stream.recv_message()
            if reply is None:
                raise ProtocolError("no answer")
            self._heard()
            return reply
        except _EXPECTED as exc:
            _forget(cancelled)
            raise await self._explain(method.name, exc) from exc

    async def stream(self, method: UnaryStreamMethod[Request, Reply], request: Request) -> Answers[Reply]:
        """Call and yield the answers as they come; without a deadline. Raises as `ask` does."""
        cancelled = _cancelled()
        try:
            await self.connect()
            async with method.open() as stream:
                await stream.send_message(request, end=True)
                limit_messages(stream)
                async for reply in stream:
                    self._heard()
                    yield reply
        except _EXPECTED as exc:
            _forget(cancelled)
            raise await self._explain(method.name, exc) from exc

    async def connect(self) -> None:
        """Connect, if there is no connection. Raises as `ask` does."""
        try:
            async with asyncio.timeout(self.timeout):
                await self.channel.__connect__()
        except _EXPECTED as exc:
            raise await self._explain("connecting", exc) from exc

    async def _why_lost(self, name: str) -> LabError:
        protocol = self.channel.last
        if protocol is None or protocol.answered:
            return NodeUnreachable(self.node, f"went away in the middle of {name}")
        # The alert may be lost: it is overtaken by the reset that what we sent after the handshake gets
        reason = protocol.lost if isinstance(protocol.lost, ssl.SSLError) else await self._alert()
        if reason is not None:
            return from_os_error(self.node, reason, self.credentials)
        return turned_away(self.node, self.credentials)

    async def _alert(self) -> ssl.SSLError | None:
        """Connect once more, send nothing, and see what TLS says."""
        host, port = split_address(self.node)
        try:
            async with asyncio.timeout(self.timeout):
                reader, writer = await asyncio.open_connection(host, port, ssl=self.credentials.context)
                try:
                    await reader.read(1)
                finally:
                    writer.transport.abort()
        except ssl.SSLError as exc:
            return exc
        except (OSError, TimeoutError):
            pass
        return None

    def _heard(self) -> None:
        if self.channel.last is not None:
            self.channel.last.answered = True

    async def _explain(self, call: str, exc: Exception) -> LabError:
        if isinstance(exc, GRPCError):
            self._heard()
            return from_status(self.node, call, exc, self.credentials.role)
        name = call.rpartition("/")[2]
        if isinstance(exc, TimeoutError) and exc.errno is None:
            return NodeUnreachable(self.node, f"{name}: no answer within {self.timeout:g} s")
        if isinstance(exc, StreamTerminatedError) and str(exc) != _NO_HTTP2:
            return await self._why_lost(name)
        if isinstance(exc, OSError):
            return from_os_error(self.node, exc, self.credentials)
        return NodeError(self.node, f"{name}: what it answers is no gRPC: {exc or type(exc).__name__}")


def _cancelled() -> int:
    """How often somebody asked this task to end."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _forget(cancelled: int) -> None:
    """grpclib ends a call by cancelling its task, and does not take that back: no asyncio.timeout around it
    would become a TimeoutError any more."""
    task = asyncio.current_task()
    while task is not None and task.cancelling() > cancelled:
        task.uncancel()


_EXPECTED = (GRPCError, StreamTerminatedError, OSError, TimeoutError, *_GARBAGE)


def split_address(node: str) -> tuple[str, int]:
    """Split `10.0.0.5`, `node1:50001`, `fd00::1` or `[fd00::1]:50001`. Raises NodeUnreachable."""
    host, port = node, ""
    if node.startswith("["):
        host, bracket, port = node[1:].partition("]")
        host = host if bracket and port[:1] in ("", ":") else ""
        port = port.removeprefix(":")
    elif node.count(":") == 1:
        host, _, port = node.partition(":")
    if not host or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise NodeUnreachable(node, "not an address: write 10.0.0.5, node1:50000 or [fd00::1]:50000")
    return host, int(port) if port else PORT
