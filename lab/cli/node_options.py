"""What the `bootlab node` commands share: which node, with what certificate, and progress."""

import functools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lab.clients.talos import talosconfig
from lab.clients.talos.model import Progress as Step
from lab.clients.talos.sync import Node
from lab.clients.talos.tls import Credentials, Maintenance, MutualTls
from lab.errors import UsageError

_FINGERPRINT = re.compile(r"[A-Za-z0-9+/]{43}=")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_options = (
    click.option("-n", "--node", "address", default="", help="Its address; default: the context's only one."),
    click.option(
        "--talosconfig",
        "contexts_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Our certificate for nodes.  [env var: TALOSCONFIG; default: ~/.talos/config]",
    ),
    click.option("--context", default="", help="Of the talosconfig; default: its current one."),
    click.option("--insecure", is_flag=True, help="The node is in maintenance and has no configuration yet."),
    click.option("--fingerprint", default="", help="With --insecure: what the node printed on its console."),
    click.option(
        "--timeout",
        default=20.0,
        show_default=True,
        type=click.FloatRange(0.1, 3600),
        help="Seconds for one answer.",
    ),
)


def with_node(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which node; the command gets an open `node` instead."""

    @functools.wraps(command)
    def run(
        address: str,
        contexts_file: Path | None,
        context: str,
        insecure: bool,
        fingerprint: str,
        timeout: float,
        **kwargs: Any,
    ) -> Any:
        if insecure:
            if not address:
                raise UsageError("--insecure needs --node: a node in maintenance is in no talosconfig")
            name, credentials = address, _maintenance(fingerprint)
        elif fingerprint:
            raise UsageError("--fingerprint is for --insecure: a configured node is known by its authority")
        else:
            name, credentials = _configured(address, contexts_file or talosconfig.default_path(), context)
        with Node(name, credentials, timeout=timeout) as node:
            return command(node=node, **kwargs)

    for option in reversed(_options):
        run = option(run)
    return run


def _maintenance(fingerprint: str) -> Credentials:
    if not fingerprint:
        click.echo("bootlab: no --fingerprint: whoever answers at that address is trusted", err=True)
    elif not _FINGERPRINT.fullmatch(fingerprint):
        raise UsageError(f"--fingerprint {fingerprint}: is no SHA-256 in base64, 43 characters and a =")
    return Maintenance(fingerprint)


def _configured(address: str, path: Path, name: str) -> tuple[str, Credentials]:
    context = talosconfig.load(path).context(name)
    soon = talosconfig.expiry_of(context)
    if soon:
        click.echo(f"bootlab: {path}: {soon}", err=True)
    targets = context.targets()
    if not address and len(targets) != 1:
        known = ", ".join(targets) or "none"
        raise UsageError(f"{path}: context {context.name}: name a node with --node; it has {known}")
    return address or targets[0], MutualTls(context.ca, context.client)


def show_progress(steps: Iterable[Step]) -> None:
    """Show the steps of a long call: a line that moves on a terminal, a line a step elsewhere."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        for step in steps:
            console.print(f"{step.stage}: {step.message}", markup=False, soft_wrap=True)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("...", total=None)
        for step in steps:
            if step.total is None:
                bars.console.print(f"{step.stage}: {step.message}", markup=False)
            bars.update(
                task, description=f"{step.stage}: {step.message}", completed=step.done or 0, total=step.total
            )


def wait_until_ready(node: Node, seconds: float, before: str) -> str:
    """Wait for another boot of the node than that of the mark `before`; return the version that runs then.

    Raises NodeError where it is not ready in time.
    """
    console = Console(stderr=True, highlight=False)
    with console.status(f"{node.name}: waiting until it is ready"):
        node.wait_ready(seconds, other_than=before)
    return node.version().tag
