"""`bootlab dns`: the lab's DNS server with a log of who asked what."""

import asyncio
import contextlib
import signal
from pathlib import Path

import click

from lab.dns.answer import Zone
from lab.dns.log import QueryLog
from lab.dns.server import serving
from lab.errors import UsageError

_LISTEN = "127.0.0.1:53"


@click.command()
@click.option("--listen", default=_LISTEN, show_default=True, help="ADDRESS:PORT, for UDP and TCP.")
@click.option("--record", "records", multiple=True, metavar="NAME=ADDRESS", help="A name; may be repeated.")
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("dns.jsonl"),
    show_default=True,
    help="Append every query to this file, one JSON object a line.",
)
def dns(listen: str, records: tuple[str, ...], log: Path) -> None:
    """Answer DNS queries from --record until Ctrl-C; other names do not exist.

    `*.lab.test=10.99.0.1` is every name below lab.test. A rollout's gate `resolves` reads the log.

    \b
    Examples:
      bootlab dns --listen 10.99.0.1:53 --record probe.lab.test=10.99.0.1
    """
    address, _, port = listen.rpartition(":")
    if not address or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--listen {listen}: write it like {_LISTEN}")
    asyncio.run(_serve(address.strip("[]"), int(port), Zone.parse(records), log))


async def _serve(address: str, port: int, zone: Zone, path: Path) -> None:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    with contextlib.closing(QueryLog(path)) as log:
        async with serving(address, port, zone, log) as bound:
            click.echo(f"DNS answers on {address} port {bound}, {len(zone.records)} names; log: {path}")
            await over.wait()
