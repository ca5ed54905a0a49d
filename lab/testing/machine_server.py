"""A node of another make: the machine API over real TLS with answers that a test chooses.

For what the reference system does not do: Talos of other versions, answers that no node should give, a
connection that ends in the middle. Behaviour of a whole node is tested against lab.refos.guest.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

from anyio.from_thread import start_blocking_portal
from grpclib.const import Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Server

from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.client import NodeClient
from lab.clients.talos.pem import Pair
from lab.clients.talos.tls import Credentials, MutualTls, load_pair
from lab.machineapi.lifecycle_grpc import ImageServiceBase, LifecycleServiceBase
from lab.machineapi.machine_grpc import MachineServiceBase
from lab.machineapi.resource_grpc import StateBase
from lab.machineapi.storage_grpc import StorageServiceBase

# What a call answers with: messages (bytes: what stands on the wire for one), or an error; called with the
# request
Answer = Callable[[Any], AsyncIterator[Any]]
_BASES = (MachineServiceBase, LifecycleServiceBase, ImageServiceBase, StorageServiceBase, StateBase)


class MachineServer:
    """Answers by path, such as /machine.MachineService/Version; all others are Unimplemented.

    `requests` has (path, request) of every call, in their order.
    """

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.requests: list[tuple[str, Any]] = []
        self.port = 0
        self._transports: list[asyncio.Transport] = []

    def __mapping__(self) -> dict[str, Handler]:
        mapping = {}
        for path, handler in _offered().items():
            mapping[path] = handler._replace(func=self._serve(path))
        return mapping

    def cut(self) -> None:
        """End every connection without a word, as a power cut does."""
        for transport in self._transports:
            with contextlib.suppress(AttributeError):  # Python 3.11.2, of one that was closed twice
                transport.abort()

    def _serve(self, path: str) -> Callable[[Any], Any]:
        async def serve(stream: Any) -> None:
            self._transports.append(stream._stream._transport)
            request = await stream.recv_message()
            self.requests.append((path, request))
            answer = self.answers.get(path, refuse(Status.UNIMPLEMENTED, "unknown method"))
            async for message in answer(request):
                if isinstance(message, bytes):
                    await stream.send_initial_metadata()
                    await stream._stream.send_data(message)
                else:
                    await stream.send_message(message)

        return serve


def say(*messages: Any) -> Answer:
    """Answer with these."""

    async def answer(request: Any) -> AsyncIterator[Any]:
        for message in messages:
            yield message

    return answer


def refuse(status: Status, words: str, *before: Any) -> Answer:
    """Answer with an error, after some messages."""

    async def answer(request: Any) -> AsyncIterator[Any]:
        for message in before:
            yield message
        raise GRPCError(status, words)

    return answer


def hang(*before: Any) -> Answer:
    """Answer with some messages, and then never again."""

    async def answer(request: Any) -> AsyncIterator[Any]:
        for message in before:
            yield message
        await asyncio.Event().wait()

    return answer


def server_context(pair: Pair, client_ca: bytes | None) -> ssl.SSLContext:
    """TLS of a node; it demands a client's certificate of `client_ca`, or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    load_pair(context, pair)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca.decode())
    return context


@asynccontextmanager
async def serving(server: MachineServer, context: ssl.SSLContext) -> AsyncIterator[MachineServer]:
    """Serve on a free port of 127.0.0.1."""
    listener = Server([server])
    sock = socket.create_server(("127.0.0.1", 0))
    server.port = sock.getsockname()[1]
    await listener.start(sock=sock, ssl=context)
    try:
        yield server
    finally:
        server.cut()
        listener.close()
        await listener.wait_closed()


@contextmanager
def in_background(
    answers: dict[str, Answer], authority: CertificateAuthority, *, maintenance: bool = False
) -> Iterator[MachineServer]:
    """Serve from a thread, for clients that are not asynchronous."""
    context = server_context(
        authority.issue_server(["127.0.0.1"]), None if maintenance else authority.pair.certificate
    )
    with start_blocking_portal() as portal:
        server = MachineServer(answers)
        with portal.wrap_async_context_manager(serving(server, context)):
            yield server


def client_of(authority: CertificateAuthority, role: str = "os:admin", days: int = 1) -> MutualTls:
    """Credentials of a role, valid for some days; less than 0: expired."""
    return MutualTls(authority.pair.certificate, authority.issue_client(role, timedelta(days=days)))


def talk(
    answers: dict[str, Answer],
    credentials: Credentials,
    said: Callable[[NodeClient, MachineServer], Awaitable[None]],
    *,
    server: Pair,
    client_ca: bytes | None,
) -> None:
    """Serve these answers with a server's certificate, and let `said` speak to the node."""

    async def run() -> None:
        context = server_context(server, client_ca)
        async with (
            serving(MachineServer(answers), context) as node,
            NodeClient(f"127.0.0.1:{node.port}", credentials) as client,
        ):
            await said(client, node)

    asyncio.run(run())


def _offered() -> dict[str, Handler]:
    offered: dict[str, Handler] = {}
    for base in _BASES:
        names = base.__abstractmethods__
        concrete: Any = type(base.__name__, (base,), dict.fromkeys(names, lambda self, stream: None))
        offered |= concrete().__mapping__()
    return offered
