"""The sockets of the lab's DNS server: UDP and TCP on one address and port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lab.dns.answer import Zone, answer
from lab.dns.log import QueryLog
from lab.errors import InfrastructureError

_IDLE_SECONDS = 10.0  # of a TCP connection
_MOST_CONNECTIONS = 200


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone, log: QueryLog) -> None:
        self.zone = zone
        self.log = log

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        told = answer(data, self.zone)
        if told is not None:
            self.log.write(addr[0], "udp", told)  # first: who has the answer may look for it
            self.transport.sendto(told.reply, addr)


@asynccontextmanager
async def serving(address: str, port: int, zone: Zone, log: QueryLog) -> AsyncIterator[int]:
    """Answer on an address while the context is open; yields the port (0 takes a free one).

    Raises InfrastructureError where it cannot be had.
    """
    loop = asyncio.get_running_loop()
    streams = _Streams(zone, log)
    try:
        server = await asyncio.start_server(streams.serve, address, port)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(zone, log), local_addr=(address, port)
        )
    except OSError as exc:
        raise InfrastructureError(f"DNS cannot listen on {address} port {port}: {exc.strerror}") from exc
    try:
        yield port
    finally:
        transport.close()
        server.close()
        streams.close()


class _Streams:
    """Connections over TCP: queries behind their length (RFC 1035 section 4.2.2)."""

    def __init__(self, zone: Zone, log: QueryLog) -> None:
        self.zone = zone
        self.log = log
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it is silent or closed."""
        self._open.add(writer)
        client = writer.get_extra_info("peername")[0]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while len(self._open) <= _MOST_CONNECTIONS:
                async with asyncio.timeout(_IDLE_SECONDS):
                    raw = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
                told = answer(raw, self.zone, udp=False)
                if told is None:
                    break
                self.log.write(client, "tcp", told)
                writer.write(len(told.reply).to_bytes(2) + told.reply)
                await writer.drain()
        self._open.discard(writer)
        writer.close()

    def close(self) -> None:
        """End all connections."""
        for writer in self._open:
            writer.transport.abort()
