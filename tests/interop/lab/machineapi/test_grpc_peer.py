"""Our HTTP/2 below grpclib against gRPC's own C core (grpcio), as the client and as the server."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpclib
import pytest
from grpclib.client import Channel, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler, Status
from grpclib.encoding.base import CodecBase
from grpclib.protocol import H2Protocol
from grpclib.server import Server

from lab.machineapi.corked import Corked
from lab.machineapi.framing import connect

pytestmark = pytest.mark.interop

LARGE = bytes(range(256)) * 12_000  # 3 MB: many windows, many frames
LIMITS = [("grpc.max_receive_message_length", 8 << 20)]
META = ("x-large", "v" * 20_000)  # headers that need a CONTINUATION


class Octets(CodecBase):
    """Messages are bytes."""

    __content_subtype__ = "proto"

    def encode(self, message, message_type):
        return bytes(message)

    def decode(self, data, message_type):
        return data


class Ours(H2Protocol):
    """One connection over our HTTP/2. `end` waits until it is gone: the loop must not end before."""

    client = True

    def connection_made(self, transport):
        self.transport, self.gone = transport, asyncio.Event()
        connect(self, Corked(transport), client=self.client)

    def connection_lost(self, exc):
        super().connection_lost(exc)
        self.gone.set()

    async def end(self):
        self.transport.abort()
        await self.gone.wait()


class OursAsServer(Ours):
    client = False


# -- our client, their server


def echo(request, context):
    """The request; one that says `fail` is refused, one that says `meta` answers with large headers."""
    if request == b"fail":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not in this state: ü")
    if request == b"meta":
        context.send_initial_metadata([META])
    return request


def parts(request, context):
    yield from (request for _ in range(50))


class Service(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method == "/test.Echo/One":
            return grpc.unary_unary_rpc_method_handler(echo)
        return grpc.unary_stream_rpc_method_handler(parts)


class OurChannel(Channel):
    def _protocol_factory(self):
        self.connection = Ours(grpclib.client.Handler(), self._config, self._h2_config)
        return self.connection


@pytest.fixture
def their_port():
    options = [
        *LIMITS,
        ("grpc.max_metadata_size", 64 << 10),
        ("grpc.http2.min_ping_interval_without_data_ms", 0),
    ]
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Service()], options=options)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


async def called(port):
    channel = OurChannel("127.0.0.1", port, codec=Octets())
    one = UnaryUnaryMethod(channel, "/test.Echo/One", bytes, bytes)
    many = UnaryStreamMethod(channel, "/test.Echo/Many", bytes, bytes)
    try:
        assert await one(b"short") == b"short"
        assert await one(b"") == b""
        assert await one(LARGE) == LARGE
        assert await one(b"meta", metadata=[META]) == b"meta"
        assert await asyncio.gather(*(one(b"%d" % n) for n in range(90))) == [b"%d" % n for n in range(90)]
        assert await many(LARGE[:100_000]) == [LARGE[:100_000]] * 50
        with pytest.raises(grpclib.GRPCError) as refused:
            await one(b"fail")
        assert (refused.value.status, refused.value.message) == (
            Status.FAILED_PRECONDITION,
            "not in this state: ü",
        )
        async with many.open() as stream:  # given up in the middle
            await stream.send_message(LARGE, end=True)
            assert await stream.recv_message() == LARGE
            await stream.cancel()
        assert await one(b"after") == b"after"
    finally:
        await channel.connection.end()
        channel.close()


def test_our_client_and_their_server(their_port):
    asyncio.run(asyncio.wait_for(called(their_port), 60))


# -- our server, their client


class Echo:
    async def one(self, stream):
        request = await stream.recv_message()
        if request == b"fail":
            raise grpclib.GRPCError(Status.FAILED_PRECONDITION, "not in this state: ü")
        await stream.send_message(request)

    async def many(self, stream):
        request = await stream.recv_message()
        for _ in range(50):
            await stream.send_message(request)

    def __mapping__(self):
        return {
            "/test.Echo/One": Handler(self.one, Cardinality.UNARY_UNARY, bytes, bytes),
            "/test.Echo/Many": Handler(self.many, Cardinality.UNARY_STREAM, bytes, bytes),
        }


class OurServer(Server):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.connections = []

    def _protocol_factory(self):
        handler = super()._protocol_factory().handler
        made = OursAsServer(handler, self._config, self._h2_config)
        self.connections.append(made)
        return made


def calls(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=LIMITS) as channel:
        one, many = channel.unary_unary("/test.Echo/One"), channel.unary_stream("/test.Echo/Many")
        assert one(b"short", timeout=60) == b"short"
        assert one(LARGE, timeout=60) == LARGE
        assert one(b"", metadata=[META], timeout=60) == b""
        pending = [one.future(b"%d" % n, timeout=60) for n in range(90)]
        assert [each.result() for each in pending] == [b"%d" % n for n in range(90)]
        assert list(many(LARGE[:100_000], timeout=60)) == [LARGE[:100_000]] * 50
        with pytest.raises(grpc.RpcError) as refused:
            one(b"fail", timeout=60)
        assert (refused.value.code(), refused.value.details()) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "not in this state: ü",
        )
        given_up = many(LARGE, timeout=60)
        next(given_up)
        given_up.cancel()
        assert one(b"after", timeout=60) == b"after"


async def served():
    server = OurServer([Echo()], codec=Octets())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.start(sock=listener)
        try:
            await asyncio.to_thread(calls, listener.getsockname()[1])
        finally:
            server.close()
            await server.wait_closed()
            for each in server.connections:
                await each.end()


def test_our_server_and_their_client():
    asyncio.run(asyncio.wait_for(served(), 120))
