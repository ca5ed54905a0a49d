"""`python -m lab.factorycache`: the cache as a companion of `bootlab serve`, until SIGTERM."""

import argparse
import asyncio
import logging
import ssl
import sys
from pathlib import Path

import click
import httpx

from lab.asgi import Server, bound
from lab.errors import LabError
from lab.factorycache.app import App
from lab.factorycache.download import Broken
from lab.factorycache.store import CacheStore
from lab.factorycache.upstream import Upstream
from lab.systems.publisher import check_upstream
from lab.systems.talos.factory import PUBLIC
from pxe.assets.lock import locked
from pxe.errors import AssetError


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
        server = Server(App(upstream, store, here), connections=2000, end_seconds=3)
        try:
            await server.run_until_signal([listening], lambda: click.echo(f"the cache of {base} at {here}"))
        finally:
            await upstream.close()


if __name__ == "__main__":
    main()
