import asyncio
import contextlib
import socket

from lab.sandbox.forward import serve


async def _echo(reader, writer):
    while data := await reader.read(100):
        writer.write(data.upper())
    writer.close()


def test_both_ways_and_the_end(tmp_path):
    async def run():
        far = await asyncio.start_server(_echo, "127.0.0.1", 0)
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        forward = asyncio.ensure_future(serve(listening, "127.0.0.1", far.sockets[0].getsockname()[1]))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        first = await reader.readexactly(5)
        writer.write_eof()
        rest = await reader.read()
        writer.close()
        await stop(forward, far)
        return first, rest

    assert asyncio.run(run()) == (b"HELLO", b"")


def test_nobody_listens_there():
    async def run():
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # bound, and not listening
            listening = socket.create_server(("127.0.0.1", 0))
            forward = asyncio.ensure_future(serve(listening, *closed.getsockname()))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            data = await reader.read()
            writer.close()
            await stop(forward)
        return data

    assert asyncio.run(run()) == b""


async def stop(task, *servers):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    for server in servers:
        server.close()
        await server.wait_closed()
