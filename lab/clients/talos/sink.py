"""The lab's ear for events: nodes call it over gRPC without TLS, and replay what they have since boot.

A node finds it by `talos.events.sink=HOST:PORT` on its command line, or the document EventSinkConfig.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from grpclib.protocol import H2Protocol
from grpclib.server import Server, Stream

from lab.clients.talos.events import decode
from lab.clients.talos.model import NodeEvent
from lab.clock import now_ns
from lab.keepalive import keep_alive
from lab.machineapi.events_grpc import EventSinkServiceBase
from lab.machineapi.events_pb2 import EventRequest, EventResponse
from lab.machineapi.limits import limit_messages
from lab.machineapi.request import receive as read_request

if TYPE_CHECKING:
    from grpclib._typing import IServable

_log = logging.getLogger(__name__)
_MAX_EVENT = 1 << 20  # bytes; events of real nodes are some hundred
_MAX_CONNECTIONS, _MAX_OF_ONE = 512, 64  # all, and those of one address, behind which may be many nodes


class _Sink(EventSinkServiceBase):
    def __init__(self, take: Callable[[NodeEvent], None]) -> None:
        self._take = take

    async def Publish(self, stream: "Stream[EventRequest, EventResponse]") -> None:
        request = await receive(stream, _MAX_EVENT)
        t_ns = now_ns()
        node = host_of(stream)
        self._take(decode(t_ns, node, request.data, request.id, request.actor_id))
        await stream.send_message(EventResponse())


async def receive(stream: "Stream[Any, Any]", most: int) -> Any:
    """Read the one request of a call; raises GRPCError for what is none, or is larger than `most` bytes."""
    limit_messages(stream, most)
    return await read_request(stream)


def host_of(stream: "Stream[Any, Any]") -> str:
    """The address of who calls."""
    peer = stream.peer.addr() if stream.peer is not None else None
    return str(peer[0]) if peer else ""


class _Connection(H2Protocol):
    """A caller. One address gets some connections and no more: who hangs shall not take the others' room."""

    open_now: "WeakSet[_Connection]"
    host = ""
    cut: Callable[[], None] | None = None  # at once, without a word

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        self.host = str((transport.get_extra_info("peername") or ("",))[0])
        hosts = [other.host for other in self.open_now if other.cut is not None]
        if hosts.count(self.host) >= _MAX_OF_ONE or len(hosts) >= _MAX_CONNECTIONS:
            stream.abort()
            return
        self.cut = stream.abort
        sock = transport.get_extra_info("socket")
        keep_alive(sock)
        # asyncio and grpclib do so only where the listener was made with IPPROTO_TCP: else 40 ms an answer
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.open_now.discard(self)
        if self.cut is not None:
            self.cut = None
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See Protocol. What is no HTTP/2 can make grpclib fail in many ways; none is worth a traceback."""
        if self.cut is None:
            return
        try:
            super().data_received(data)
        except Exception as exc:
            _log.debug("%s: what it sends is no gRPC: %r", self.host, exc)
            self.cut()


class PlainServer(Server):
    """gRPC without TLS. Ends its connections when it ends; grpclib's leaves them open, and nodes keep theirs
    for ever."""

    def __init__(self, service: "IServable") -> None:
        super().__init__([service])
        self._open: WeakSet[_Connection] = WeakSet()

    def _protocol_factory(self) -> H2Protocol:
        plain = super()._protocol_factory()
        protocol = _Connection(plain.handler, plain.config, plain.h2_config)
        protocol.open_now = self._open
        self._open.add(protocol)
        return protocol

    async def end(self) -> None:
        """Accept no more, and cut who is connected."""
        self.close()
        await self.wait_closed()
        for protocol in list(self._open):
            if protocol.cut is not None:
                protocol.cut()
        await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next turn


@asynccontextmanager
async def event_sink(take: Callable[[NodeEvent], None], listener: socket.socket) -> AsyncIterator[None]:
    """Accept at a listening socket and give every event to `take`, stamped as it came.

    An event that cannot be read has a `fault`; nothing that a node sends ends the sink.
    """
    server = PlainServer(_Sink(take))
    await server.start(sock=listener)
    try:
        yield
    finally:
        await server.end()
