"""uvicorn as programs beside the boot service run it: our sockets, our signals, nothing that it logs."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from lab.errors import InfrastructureError

_BACKLOG = 4096


class Server(uvicorn.Server):
    """An ASGI application on sockets of ours; beyond so many connections it answers 503.

    `end_seconds`: how long what is under way may take once it is told to stop.
    """

    def __init__(self, app: Any, *, connections: int, end_seconds: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=end_seconds,
                limit_concurrency=connections,
                backlog=_BACKLOG,
            )
        )

    async def run_until_signal(self, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
        """Serve until SIGINT or SIGTERM; `ready` is called once these end it cleanly."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        ready()
        await self.serve(sockets=sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn raises the signal that ended it once more; for us that is a clean end."""
        yield

    def stop(self) -> None:
        """Answer what is under way, then end."""
        self.should_exit = True


@contextlib.contextmanager
def bound(address: str, port: int) -> Iterator[socket.socket]:
    """Yield a TCP socket that listens there. Raises InfrastructureError where it cannot."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((address, port))
        except OSError as exc:
            raise InfrastructureError(f"{address} port {port} cannot be bound: {exc.strerror}") from exc
        made.listen(_BACKLOG)
        yield made
