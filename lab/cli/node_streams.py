"""`bootlab node events, dmesg, logs, cat, capture, listen`: what comes without an end, until Ctrl-C."""

import dataclasses
import json
import sys
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import click
from rich.console import Console

from lab.cli.node_options import json_option, with_node
from lab.clients.talos.ears import listening
from lab.clients.talos.events import summary
from lab.clients.talos.model import NodeEvent
from lab.clients.talos.sync import Node
from lab.errors import InfrastructureError, UsageError

_CONTROL = {code: "?" for code in (*range(9), *range(11, 32), 127)}
_seconds = click.option("--seconds", type=click.FloatRange(0.1, 86400), help="Stop after so long.")
_count = click.option("--count", type=click.IntRange(1), help="Stop after so many.")


@click.command()
@click.option("--tail", default=-1, show_default=True, type=int, help="How many of the past; -1: all.")
@click.option("--after", default="", help="Only those after the event of this id.")
@_seconds
@_count
@json_option
@with_node
def events(
    node: Node, tail: int, after: str, seconds: float | None, count: int | None, *, as_json: bool
) -> None:
    """Print the node's events, the past ones first, until Ctrl-C; --json prints one object a line."""
    end = time.monotonic() + seconds if seconds is not None else None
    for event in islice(node.events(tail=tail, after=after, until=end), count):
        if as_json:
            click.echo(json.dumps(dataclasses.asdict(event)))
        else:
            click.echo(f"{event.id} {event.kind} {summary(event)}")


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--tail", is_flag=True, help="Only what comes from now on.")
@with_node
def dmesg(node: Node, *, follow: bool, tail: bool) -> None:
    """Print the log of the node's kernel."""
    _copy_text(node.each(node.client.dmesg(follow=follow or tail, tail=tail)))


@click.command()
@click.argument("service")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--lines", default=-1, show_default=True, type=int, help="How many of the past; -1: all.")
@with_node
def logs(node: Node, service: str, lines: int, *, follow: bool) -> None:
    """Print the log of SERVICE: `bootlab node services` names them."""
    _copy_text(node.each(node.client.logs(service, follow=follow, lines=lines)))


@click.command()
@click.argument("path")
@with_node
def cat(node: Node, path: str) -> None:
    """Print the file PATH of the node."""
    pieces = node.each(node.client.read(path))
    if sys.stdout.isatty():
        _copy_text(pieces)
        return
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@click.command()
@click.argument("interface")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    required=True,
    help="A pcap file; - is the standard output.",
)
@click.option("--promiscuous", is_flag=True, help="Frames for others too.")
@click.option("--snap-len", default=65536, show_default=True, type=click.IntRange(1, 262144))
@_seconds
@with_node
def capture(
    node: Node, interface: str, output: Path, snap_len: int, seconds: float | None, *, promiscuous: bool
) -> None:
    """Record what the node's INTERFACE sends and receives."""
    if str(output) == "-" and sys.stdout.isatty():
        raise UsageError("a pcap file is nothing for a terminal: name one with -o")
    node.call(node.client.connection.connect)
    end = time.monotonic() + seconds if seconds is not None else None
    stream = node.client.capture(interface, promiscuous=promiscuous, snap_len=snap_len)
    console = Console(stderr=True, highlight=False)
    size = 0
    try:
        file = sys.stdout.buffer if str(output) == "-" else output.open("wb")
        with file, console.status("capturing") as status:
            try:
                for piece in node.each(stream, until=end):
                    size += file.write(piece)
                    file.flush()
                    status.update(f"{size} bytes")
            except KeyboardInterrupt:
                pass  # the way to end it
    except OSError as exc:
        raise InfrastructureError(f"{output}: {exc.strerror}") from exc
    console.print(f"{output}: {size} bytes", markup=False, soft_wrap=True)


def _copy_text(pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        text = piece.decode("utf-8", "replace")
        click.echo(text.translate(_CONTROL) if sys.stdout.isatty() else text, nl=False)


@click.command()
@click.option("--host", default="0.0.0.0", show_default=True, help="The address to listen on.")
@click.option("--events-port", default=8090, show_default=True, type=click.IntRange(0, 65535))
@click.option("--kernel-port", default=8092, show_default=True, type=click.IntRange(0, 65535))
@_seconds
@_count
@json_option
def listen(
    host: str,
    events_port: int,
    kernel_port: int,
    seconds: float | None,
    count: int | None,
    *,
    as_json: bool,
) -> None:
    """Print what nodes report of themselves: events, and the kernel's log; --json: one object a line.

    Nodes are told where by `talos.events.sink=HOST:8090 talos.logging.kernel=tcp://HOST:8092` on the kernel's
    command line, or by the documents EventSinkConfig and KmsgLogConfig.
    """
    end = time.monotonic() + seconds if seconds is not None else None
    with listening(host, events_port=events_port, kernel_port=kernel_port) as ears:
        click.echo(f"events at {host}:{ears.events_port}, kernel logs at {host}:{ears.kernel_port}", err=True)
        for record in islice(ears.records(end), count):
            if as_json:
                click.echo(json.dumps({"record": type(record).__name__, **dataclasses.asdict(record)}))
            elif isinstance(record, NodeEvent):
                click.echo(f"{record.node} {record.kind} {summary(record)}")
            else:
                at = f"[{record.clock_us / 1e6:12.6f}] " if record.clock_us is not None else ""
                click.echo(f"{record.node} {at}{record.message}{record.fault and f'  ({record.fault})'}")
