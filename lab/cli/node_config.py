"""`bootlab node config`: give a node its configuration, show it, say what would change."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from grpclib.const import Status

from lab.cli.api import print_json
from lab.cli.node_options import json_option, with_node
from lab.clients.talos.errors import NodeRefused, printable
from lab.clients.talos.model import Applied, ApplyMode
from lab.clients.talos.sync import Node
from lab.errors import ConfigError, UsageError
from lab.machineconfig import ConfigFaults
from lab.machineconfig import patch as patched

_MAX_BYTES = 1 << 20
_file = click.argument(
    "file", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True)
)
_patches = click.option(
    "-p",
    "--patch",
    "patches",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A strategic-merge patch, applied before it is sent; of FILE, or of what the node has.",
)


@click.group()
def config() -> None:
    """The machine configuration of a node: docs/machine-config.md."""


@config.command()
@_file
@_patches
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in ApplyMode if mode is not ApplyMode.REBOOT]),
    default="auto",
    show_default=True,
    help="auto: at once, with a reboot if it must be; staged: at the next boot; try: undone after a while.",
)
@click.option(
    "--try-seconds", type=click.IntRange(1, 86400), help="With --mode try; the node's default is 60."
)
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would change.")
@json_option
@with_node
def apply(
    node: Node,
    file: Path | None,
    patches: tuple[Path, ...],
    mode: str,
    try_seconds: int | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Give the node the configuration FILE (- is the standard input), or patch the one that it has.

    \b
    Examples:
      bootlab node config apply node1.yaml --insecure --node 10.0.0.5 --fingerprint 'uC3...='
      bootlab node config apply --patch dns.yaml --dry-run
    """
    if try_seconds is not None and mode != "try":
        raise UsageError("--try-seconds is for --mode try")
    text = _wanted(node, file, patches)
    with _patched(patches):
        applied = node.apply(text, ApplyMode(mode), dry_run=dry_run, try_seconds=try_seconds)
    if as_json:
        _print_json(applied)
        return
    for warning in applied.warnings:
        click.echo(f"bootlab: the node warns: {warning}", err=True)
    if dry_run:
        click.echo(applied.details.rstrip())
    else:
        click.echo(
            f"{node.name} took it: {applied.mode}" + (f": {applied.details}" if applied.details else "")
        )


@config.command()
@click.option("--staged", is_flag=True, help="What the next boot takes, not what runs.")
@json_option
@with_node
def show(node: Node, *, staged: bool, as_json: bool) -> None:
    """Print the node's configuration; it has its secrets, and needs the role os:admin."""
    text = node.machine_config("persistent" if staged else "v1alpha1")
    if as_json:
        print_json({"node": node.name, "config": text})
    else:
        click.echo(text.rstrip("\n") if not sys.stdout.isatty() else printable_lines(text))


@config.command()
@_file
@_patches
@json_option
@with_node
def diff(node: Node, file: Path | None, patches: tuple[Path, ...], *, as_json: bool) -> None:
    """Say what FILE, or a patch, would change on the node; the node itself compares."""
    text = _wanted(node, file, patches)
    with _patched(patches):
        applied = node.apply(text, dry_run=True)
    if as_json:
        _print_json(applied)
    else:
        click.echo(applied.details.rstrip())


@contextmanager
def _patched(patches: tuple[Path, ...]) -> Iterator[None]:
    """The node counts the lines of what it was sent, which nobody has seen where it was patched."""
    try:
        yield
    except NodeRefused as exc:
        if patches and exc.status is Status.INVALID_ARGUMENT:
            names = ", ".join(map(str, patches))
            raise ConfigError([f"{names}: {exc}", "(lines are those of the patched configuration)"]) from exc
        raise


def printable_lines(text: str) -> str:
    """A node's text of any length for a terminal."""
    return "\n".join(printable(line) for line in text.splitlines())


def _print_json(applied: Applied) -> None:
    print_json({"mode": applied.mode, "details": applied.details, "warnings": list(applied.warnings)})


def _wanted(node: Node, file: Path | None, patches: tuple[Path, ...]) -> str:
    """The text to send. Keys and kinds that we do not know go along: the node knows its own best."""
    if file is None and not patches:
        raise UsageError("name a file, or a --patch of what the node has")
    text = read_text(file) if file is not None else node.machine_config()
    source = str(file) if file is not None else f"the configuration of {node.name}"
    for patch in patches:
        try:
            text = patched(text, "")
        except ConfigFaults as exc:
            raise ConfigError([f"{source}: {fault}" for fault in exc.faults]) from exc
        try:
            text = patched(text, read_text(patch))
        except ConfigFaults as exc:
            raise ConfigError([f"{patch}: {fault}" for fault in exc.faults]) from exc
    return text


def read_text(path: Path) -> str:
    """Read a config or a patch; `-` is the standard input. Raises ConfigError."""
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with path.open("rb") as stream:
                raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise ConfigError([f"{path}: larger than {_MAX_BYTES} bytes; that is no configuration"])
        return raw.decode()
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise ConfigError([f"{path}: not UTF-8 text (byte {exc.start})"]) from exc
