"""`bootlab node ... --ssh USER@HOST`: the same words for systems without an API. docs/ssh.md."""

from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click
from rich.console import Console

from lab.cli.api import fields, print_json
from lab.cli.node_config import read_text
from lab.cli.node_options import json_option
from lab.cli.node_ssh_options import wait_option, with_ssh
from lab.clients.ssh.errors import printable
from lab.clients.ssh.looks import capture as packets
from lab.clients.ssh.looks import journal
from lab.systems.ssh_client import SshClient


@click.command()
@json_option
@with_ssh
async def version(client: SshClient, *, as_json: bool) -> None:
    """Print what runs on the node."""
    found = {"node": client.node.name, **asdict(await client.facts())}
    print_json(found) if as_json else fields(list(found), found)


@click.command()
@json_option
@with_ssh
async def status(client: SshClient, *, as_json: bool) -> None:
    """Print systemd's state of the node and what failed; exit code 1 where it is not ready."""
    health = await client.health()
    if as_json:
        print_json({"node": client.node.name, **asdict(health)})
    else:
        click.echo(f"{client.node.name}: {health.stage}, {'ready' if health.ready else 'not ready'}")
        for reason in health.reasons:
            click.echo(f"  {reason}")
    if not health.ready:
        raise SystemExit(1)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would change.")
@json_option
@with_ssh
async def apply(client: SshClient, file: Path, *, dry_run: bool, as_json: bool) -> None:
    """Set host name, DNS servers and files as FILE says (docs/ssh.md), and print the difference."""
    await _configure(client, file, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@json_option
@with_ssh
async def diff(client: SshClient, file: Path, *, as_json: bool) -> None:
    """Say what FILE would change on the node."""
    await _configure(client, file, dry_run=True, as_json=as_json)


async def _configure(client: SshClient, file: Path, *, dry_run: bool, as_json: bool) -> None:
    told = await client.configure(read_text(file), dry_run=dry_run)
    if as_json:
        print_json({"node": client.node.name, "changed": bool(told) and not dry_run, "difference": told})
    else:
        click.echo(told.rstrip() or f"{client.node.name}: nothing to change")


@click.command()
@click.argument("source", metavar="VERSION")
@wait_option
@json_option
@with_ssh
async def upgrade(client: SshClient, source: str, *, as_json: bool) -> None:
    """Upgrade to VERSION by the system's own command, reboot, and wait for it.

    Flatcar, Fedora CoreOS: a version, or latest. Debian: upgrade or full-upgrade.
    """
    console = Console(stderr=True, highlight=False)
    with console.status(f"{client.node.name}: upgrading"):
        async with aclosing(client.upgrade(source)) as steps:
            async for step in steps:
                console.print(f"{step.stage}: {printable(step.message)}", markup=False, soft_wrap=True)
    await _told(client, "runs", as_json=as_json)


@click.command()
@wait_option
@json_option
@with_ssh
async def rollback(client: SshClient, *, as_json: bool) -> None:
    """Reboot into what ran before, and wait for it. Debian has nothing to go back to."""
    await client.rollback()
    await _told(client, "is back at", as_json=as_json)


@click.command()
@wait_option
@json_option
@with_ssh
async def reboot(client: SshClient, *, as_json: bool) -> None:
    """Reboot the node, and wait for it."""
    await client.reboot()
    await _told(client, "rebooted, and runs", as_json=as_json)


async def _told(client: SshClient, words: str, *, as_json: bool) -> None:
    facts = await client.facts()
    if as_json:
        print_json({"node": client.node.name, **asdict(facts)})
    else:
        slot = f" ({facts.slot})" if facts.slot else ""
        click.echo(f"{client.node.name} {words} {facts.system} {facts.version}{slot}")


@click.command()
@click.argument("unit", default="")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@click.option("--lines", default=0, type=click.IntRange(0), help="How many of the past; 0: all.")
@with_ssh
async def logs(client: SshClient, unit: str, lines: int, *, follow: bool) -> None:
    """Print the journal of this boot, of one UNIT or of all."""
    stream = journal(client.node, unit=unit, follow=follow, lines=lines)
    async with aclosing(stream) as pieces:
        async for piece in pieces:
            click.echo(piece.decode(errors="replace"), nl=False)


@click.command()
@click.argument("interface")
@click.argument("expression", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.File("wb", lazy=True),
    required=True,
    help="A pcap file; - is the standard output.",
)
@click.option("--count", default=0, type=click.IntRange(0), help="End after so many packets; 0: go on.")
@with_ssh
async def capture(
    client: SshClient, interface: str, expression: tuple[str, ...], output: BinaryIO, count: int
) -> None:
    """Capture what passes INTERFACE with the node's own tcpdump; EXPRESSION is tcpdump's."""
    async with aclosing(packets(client.node, interface, expression, count=count)) as pieces:
        async for piece in pieces:
            output.write(piece)
            output.flush()
