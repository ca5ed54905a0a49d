"""`bootlab updates`: update servers for Flatcar and Fedora CoreOS, and what they saw."""

import functools
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Group
from rich.live import Live
from rich.text import Text

from lab.cli import updates_show as show
from lab.cli.api import print_json
from lab.updates import status as states
from lab.updates.config import read_settings
from lab.updates.control import ask
from lab.updates.record import Record, check_limits
from lab.updates.server import serve as run_server
from lab.updates.timing import attempts, statistics

_LIVE_SECONDS = 1.0
_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_group = click.option("--group", default="", help="Only of this group, such as omaha/flatcar/stable.")
_node = click.option("--node", default="", help="Only of this node: its machine id, or node_uuid.")
_config = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("updates.yaml"),
    show_default=True,
    help="The update servers' file.",
)


def _with_record(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command the record of the file's state."""

    @functools.wraps(command)
    def run(config: Path, **options: Any) -> Any:
        with _record(config) as record:
            return command(record, **options)

    return _config(run)


@contextmanager
def _record(config: Path) -> Iterator[Record]:
    with closing(Record(read_settings(config).state)) as record:
        yield record


@click.group()
def updates() -> None:
    """Update servers: Omaha for Flatcar, Cincinnati and FleetLock for Fedora CoreOS.

    What they do is in docs/updates.md. `status`, `nodes`, `locks`, `events`, `timing` and `check` read the
    state on disk, whether the server runs or not; `pause`, `release` and `unlock` talk to it.
    """


@updates.command()
@_config
@click.option("-v", "--verbose", is_flag=True, help="Log what only a developer wants to know, too.")
def serve(config: Path, *, verbose: bool) -> None:
    """Serve until Ctrl-C; `bootlab serve` does it, too, where its site file has `updates: FILE`."""
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format=_FORMAT)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    run_server(read_settings(config), click.echo)


@updates.command()
@click.option("-f", "--follow", is_flag=True, help="Show it live, until Ctrl-C.")
@_json
@_with_record
def status(record: Record, *, follow: bool, as_json: bool) -> None:
    """Say how each group stands: limits, what is taken of them, versions, and why it is paused."""
    if as_json:
        print_json(states.groups(record))
        return
    if not follow:
        show.groups(states.groups(record))
        return
    with Live(refresh_per_second=4) as live:
        while True:
            lines = show.group_lines(states.groups(record))
            live.update(Group(*(Text(line) for line in lines)))
            time.sleep(_LIVE_SECONDS)


@updates.command()
@_json
@_with_record
def groups(record: Record, *, as_json: bool) -> None:
    """List the groups with their limits."""
    found = states.groups(record)
    if as_json:
        print_json(found)
    else:
        show.limits(found)


@updates.command()
@_group
@_json
@_with_record
def nodes(record: Record, group: str, *, as_json: bool) -> None:
    """List the nodes, what they run, what they were granted, and why not."""
    found = states.nodes(record, group)
    if as_json:
        print_json(found)
    else:
        show.nodes(found)


@updates.command()
@_json
@_with_record
def locks(record: Record, *, as_json: bool) -> None:
    """List who may reboot now, and who never came back."""
    found = states.locks(record)
    if as_json:
        print_json(found)
    else:
        show.locks(found)


@updates.command()
@_group
@_node
@click.option("--since", type=click.IntRange(0), default=0, help="The number after which to begin.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@_json
@_with_record
def events(record: Record, group: str, node: str, since: int, *, follow: bool, as_json: bool) -> None:
    """Print what happened; --json prints one object a line."""
    while True:
        for event in record.events(since, group=group, node=node):
            since = event.seq
            click.echo(json.dumps(event.as_json()) if as_json else show.event(event))
        if not follow:
            return
        time.sleep(_LIVE_SECONDS)  # a file of another process: there is no event to wait for


@updates.command()
@_group
@_node
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every update and the statistics as JSON into this file.",
)
@_json
@_with_record
def timing(record: Record, group: str, node: str, out: Path | None, *, as_json: bool) -> None:
    """Say how long updates and rollbacks took, stage by stage, from the events alone.

    With --node its updates, one by one; else statistics over all nodes, by group and outcome.
    """
    # The lock and the graph of a node are two groups: they are put together before one is chosen
    found = [attempt for attempt in attempts(record.events(node=node)) if group in ("", attempt.group)]
    document = show.timing_document(found, statistics(found))
    if out is not None:
        out.write_text(json.dumps(document, indent=1) + "\n")
    if as_json:
        print_json(document)
    elif node:
        show.attempts(found)
    else:
        show.statistics(statistics(found))


@updates.command()
@_json
@_with_record
def check(record: Record, *, as_json: bool) -> int:
    """Count slots along the record: were there ever more nodes at once than allowed? Exit code 1: yes."""
    kept = check_limits(record.events())
    if as_json:
        print_json(show.kept_document(kept))
    else:
        show.kept(kept)
    return int(any(group.broken for group in kept.values()))


@updates.command()
@_config
@click.argument("group")
@click.option("--reason", default="", help="For those who read it later.")
def pause(config: Path, group: str, reason: str) -> None:
    """Let no further node of GROUP begin; those under way go on."""
    ask(read_settings(config).state, "pause", group=group, reason=reason)
    click.echo(f"{group} is paused")


@updates.command()
@_config
@click.argument("group")
@click.argument("node", default="")
def release(config: Path, group: str, node: str) -> None:
    """Let GROUP go on that is paused; or NODE of it be offered updates again that failed too often."""
    ask(read_settings(config).state, "release", group=group, node=node)
    click.echo(f"{node or group} is released")


@updates.command()
@_config
@click.argument("group")
@click.argument("node")
@click.option("--reason", default="", help="For those who read it later.")
def unlock(config: Path, group: str, node: str, reason: str) -> None:
    """Take the reboot slot of NODE, which never came back, or call it found."""
    ask(read_settings(config).state, "unlock", group=group, node=node, reason=reason)
    click.echo(f"{node} has no slot of {group} any more")
