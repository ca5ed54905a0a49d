"""`python -m lab.factorycache`: the cache as a companion of `bootlab serve`, until SIGTERM."""

import argparse
import asyncio
import contextlib
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import uvicorn

from lab.errors import InfrastructureError, LabError
from lab.factorycache.app import App
from lab.factorycache.download import Broken
from lab.factorycache.store import CacheStore
from lab.factorycache.upstream import Upstream
from lab.systems.publisher import check_upstream
from lab.systems.talos.factory import PUBLIC
from pxe.assets.lock import locked
from pxe.errors import AssetError


class Server(uvicorn.Server):
    """The web server. uvicorn raises the signal that ended it once more; for us that is a clean end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The loop has our handlers."""
        yield

    def stop(self) -> None:
        """Answer what is under way, then end."""
        self.should_exit = True


def main() -> None:
    """Serve; one line once bound, or why not."""
    parser = argparse.ArgumentParser(prog="python -m lab.factorycache", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="ADDRESS")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--upstream", default=PUBLIC, metavar="URL")
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--limit", required=True, type=int, metavar="BYTES")
    parser.add_argument("--allow-http", action="store_true")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s factory: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_not_on_purpose)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    try:
        base = check_upstream(given.upstream, "an Image Factory", example=PUBLIC, allow_http=given.allow_http)
        with locked(given.folder / "lock", busy=f"{given.folder}: another cache is at work in it"):
            asyncio.run(_serve(given, base))
    except (LabError, AssetError) as exc:
        sys.exit(f"factory: {exc}")
    except OSError as exc:
        sys.exit(f"factory: {exc.filename or given.folder}: {exc.strerror}")


def _not_on_purpose(record: logging.LogRecord) -> bool:
    """A download that breaks must break the answers that are made of it: no bug, no traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], Broken))


async def _serve(given: argparse.Namespace, base: str) -> None:
    store = CacheStore(given.folder, given.limit)
    client = httpx.AsyncClient(
        verify=ssl.create_default_context(),
        follow_redirects=True,
        timeout=30.0,
        headers={"User-Agent": "bootlab"},
    )
    upstream = Upstream(base, store, client)
    with bound(given.listen, given.port) as listening:
        here = f"http://{given.listen}:{listening.getsockname()[1]}"
        server = Server(config(App(upstream, store, here)))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        click.echo(f"the cache of {base} at {here}")
        try:
            await server.serve(sockets=[listening])
        finally:
            await upstream.close()


def config(app: App) -> uvicorn.Config:
    """Return how uvicorn serves it."""
    return uvicorn.Config(
        app,
        interface="asgi3",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
        limit_concurrency=2000,
    )


@contextlib.contextmanager
def bound(address: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket that listens there. Raises InfrastructureError where it cannot."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((address, port))
        except OSError as exc:
            raise InfrastructureError(f"{address} port {port} cannot be bound: {exc.strerror}") from exc
        made.listen(1024)
        yield made


if __name__ == "__main__":
    main()
