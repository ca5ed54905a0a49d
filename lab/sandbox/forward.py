"""A port of this host that leads into a sandbox: for clients of what boards offer, such as a node's API.

The listening socket is the host's, on loopback. A process inside is given it, accepts there and connects
inside: a socket stays in the network in which it was made.

    with forwarded(sandbox, "10.99.0.100", 50000) as port: ...   # connect to 127.0.0.1:port
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator

from lab.keepalive import keep_alive
from lab.sandbox.sandbox import Sandbox

_STOP_SECONDS = 10.0
_CHUNK = 1 << 16


@contextlib.contextmanager
def forwarded(sandbox: Sandbox, host: str, port: int) -> Iterator[int]:
    """Yield a port of 127.0.0.1 that leads to `host:port` inside, as long as the context lasts.

    Where nobody listens there, or the board is off, a connection is closed at once. Raises SandboxError.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        argv = [sys.executable, "-m", "lab.sandbox.forward", host, str(port)]
        process = sandbox.spawn(argv, stdin=listening.fileno())
        try:
            yield int(listening.getsockname()[1])
        finally:
            process.kill()
            process.wait(_STOP_SECONDS)


async def serve(listening: socket.socket, host: str, port: int) -> None:
    """Accept for ever on a socket and join each connection with one to `host:port`."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        keep_alive(far_writer.get_extra_info("socket"))  # the client's own keepalive ends at us
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    server = await asyncio.start_server(join, sock=listening)
    await server.serve_forever()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=0), sys.argv[1], int(sys.argv[2])))
