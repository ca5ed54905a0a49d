"""The listener of a node: HTTP/2 over TLS, whose certificate can be changed while it listens."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import cast

from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.protocol import H2Protocol
from grpclib.server import Handler as ConnectionHandler
from grpclib.server import Server
from h2.config import H2Configuration

from lab.machineapi.corked import Corked
from lab.machineapi.framing import connect
from lab.refos.guest.api.methods import Methods
from lab.refos.guest.model import Identity
from lab.refos.guest.node import Node

PORT = 50000
_WINDOW = 65535
LARGEST = 32 * 1024 * 1024  # bytes that a connection may have under way, as Talos' largest message
_MOST_CONNECTIONS = 64
_BACKLOG = 128
_HANDSHAKE = 15.0  # seconds
_GRACE = 1.0  # seconds an old connection has for the answer that is on its way


_CONFIG = Configuration(
    # HTTP/2's own windows: what is sent to us is small, and others cost each caller two frames more.
    http2_connection_window_size=_WINDOW,
    http2_stream_window_size=_WINDOW,
    # A caller that is gone is noticed within a minute, though a stream only ever sends.
    _keepalive_time=30.0,
    _keepalive_timeout=20.0,
    _http2_max_pings_without_data=0,
    _http2_min_sent_ping_interval_without_data=30.0,
).__for_server__()
_H2 = H2Configuration(
    client_side=False,
    header_encoding="ascii",
    validate_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_inbound_headers=False,
    normalize_outbound_headers=False,
)


class _Connection(H2Protocol):
    """A caller; one that sends more than a message may have gets an error instead of our memory."""

    def __init__(
        self, connections: set["_Connection"], handler: ConnectionHandler, is_open: Callable[[], bool]
    ) -> None:
        super().__init__(handler, _CONFIG, _H2)
        self._connections = connections
        self._is_open = is_open
        self._transport: asyncio.Transport | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = Corked(cast(asyncio.Transport, transport))
        connect(self, transport, client=False)
        # A handshake that began before the listener's end comes to its own end after it
        if len(self._connections) >= _MOST_CONNECTIONS or not self._is_open():
            transport.close()
        else:
            self._connections.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._connections.discard(self)
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        streams = list(self.processor.streams.values())
        if sum(stream.data_received for stream in streams) > LARGEST:
            error = GRPCError(Status.RESOURCE_EXHAUSTED, f"received more than {LARGEST} bytes")
            for stream in streams:
                if stream.wrapper is not None:
                    stream.wrapper.cancel(error)

    def end(self) -> None:
        """Close the connection; what is written already still goes out."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """End it at once, whatever was still to go out."""
        with contextlib.suppress(AttributeError):  # Python 3.11.2, of one that was closed twice
            if self._transport is not None:
                self._transport.abort()


class ApiServer:
    """The API of one node on one address. `port` 0 lets the kernel choose; `bound` says what it chose."""

    def __init__(self, node: Node, host: str = "", port: int = PORT) -> None:
        self._grpc = Server([])  # never started: its codec and its dispatcher of events are what we need
        self._methods = Methods(node)
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._is_open = False

    @property
    def bound(self) -> int:
        """The port."""
        return int(self._socket.getsockname()[1]) if self._socket is not None else self._address[1]

    async def open(self, identity: Identity, *, drop: bool) -> None:
        """Accept callers with this certificate from now on; with `drop` let go of the others."""
        old, self._is_open = self._listener, True
        # The new listener shares the queue of the old one's socket: nobody who connects meanwhile is refused.
        self._socket = _listen(self._address) if self._socket is None else self._socket.dup()
        self._listener = await asyncio.get_running_loop().create_server(
            self._protocol, sock=self._socket, ssl=identity.context, ssl_handshake_timeout=_HANDSHAKE
        )
        if old is not None:
            old.close()
        if drop:
            asyncio.get_running_loop().call_later(_GRACE, self._let_go, list(self._connections))

    async def close(self) -> None:
        """Accept no more, and end the calls that run; a caller who does not take his end is cut off."""
        if self._listener is not None:
            self._listener.close()
        open_now = list(self._connections)
        self._listener = self._socket = None
        self._is_open = False
        self._let_go(open_now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                for connection in open_now:
                    await connection.gone.wait()
        for connection in list(self._connections):
            connection.cut()

    @staticmethod
    def _let_go(connections: list["_Connection"]) -> None:
        for connection in connections:
            connection.end()

    def _protocol(self) -> asyncio.Protocol:
        grpc = self._grpc
        handler = ConnectionHandler(self._methods, grpc._codec, grpc._status_details_codec, grpc.__dispatch__)
        return _Connection(self._connections, handler, lambda: self._is_open)


def _listen(address: tuple[str, int]) -> socket.socket:
    host, port = address
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(address, family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)
