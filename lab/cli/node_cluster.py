"""`bootlab node bootstrap, kubeconfig, etcd, access`: what a control plane node does for its cluster."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lab.cli.api import print_json, print_table
from lab.cli.node_config import printable_lines
from lab.cli.node_options import json_option, with_node
from lab.clients.talos.certs import ROLES
from lab.clients.talos.events import as_dict
from lab.clients.talos.pem import write_private
from lab.clients.talos.sync import Node
from lab.errors import InfrastructureError, UsageError

_HOUR = 3600
_force = click.option("--force", is_flag=True, help="Overwrite it.")


@click.command()
@json_option
@with_node
def bootstrap(node: Node, *, as_json: bool) -> None:
    """Begin the cluster at this control plane node: once in the life of the cluster, at one node."""
    node.call(node.client.cluster.bootstrap)
    if as_json:
        print_json({"node": node.name, "accepted": True})
    else:
        click.echo(f"{node.name} begins the cluster")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@_force
@with_node
def kubeconfig(node: Node, file: Path, *, force: bool) -> None:
    """Write an administrator's kubeconfig to FILE (- is the standard output)."""
    _save(file, node.call(node.client.cluster.kubeconfig), force=force)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--role", "roles", multiple=True, default=["os:admin"], type=click.Choice(ROLES))
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, 876000))
@_force
@with_node
def access(node: Node, file: Path, roles: tuple[str, ...], hours: int, *, force: bool) -> None:
    """Have a control plane node issue a talosconfig, and write it to FILE: without the authority's key."""
    made = node.call(node.client.cluster.client_configuration, roles, hours * _HOUR)
    _save(file, made.talosconfig.decode("utf-8", "replace"), force=force)


@click.group()
def etcd() -> None:
    """etcd on a control plane node."""


@etcd.command()
@click.option("--local", is_flag=True, help="As this member knows them; where etcd has no leader.")
@json_option
@with_node
def members(node: Node, *, local: bool, as_json: bool) -> None:
    """List the members of etcd."""

    async def ask() -> list[dict[str, object]]:
        return [as_dict(member) for member in await node.client.cluster.members(local=local)]

    found = node.call(ask)
    if as_json:
        print_json(found)
        return
    rows = (
        [
            f"{int(str(m['id'])):016x}",
            str(m["hostname"]),
            " ".join(map(str, m["peer_urls"])),  # type: ignore[call-overload]  # a repeated field is a list
            "yes" if m["is_learner"] else "no",
        ]
        for m in found
    )
    print_table(("member", "host name", "peers", "learner"), rows, "no members")


@etcd.command("status")
@json_option
@with_node
def etcd_status(node: Node, *, as_json: bool) -> None:
    """Print this member's status; exit code 1 where it has errors, or no leader."""
    found = node.call(node.client.cluster.status)
    if as_json:
        print_json({"node": node.name, **as_dict(found)})
    else:
        leader = f"{found.leader:016x}" if found.leader else "none"
        click.echo(f"member   {found.member_id:016x}{' (learner)' if found.is_learner else ''}")
        click.echo(f"leader   {leader}, term {found.raft_term}, index {found.raft_applied_index}")
        click.echo(f"size     {found.db_size} bytes, {found.db_size_in_use} in use")
        click.echo(f"version  {found.protocol_version}, storage {found.storage_version}")
        for error in found.errors:
            click.echo(f"error    {error}")
    if found.errors or not found.leader:
        raise SystemExit(1)


@etcd.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_force
@with_node
def snapshot(node: Node, file: Path, *, force: bool) -> None:
    """Save etcd's database to FILE; all secrets of the cluster are in it."""
    _check_free(file, force=force)
    partial = file.with_name(f".{file.name}.part")
    try:
        size = _copy(node.each(node.client.cluster.snapshot()), partial)
        partial.replace(file)
    except OSError as exc:
        raise InfrastructureError(f"{file}: {exc.strerror}") from exc
    finally:
        partial.unlink(missing_ok=True)
    click.echo(f"wrote {file}: {size} bytes, checksum holds")


def _copy(pieces: Iterator[bytes], file: Path) -> int:
    size = 0
    file.touch(0o600)
    with file.open("wb") as stream:
        for piece in pieces:
            size += stream.write(piece)
    return size


def _check_free(file: Path, *, force: bool) -> None:
    if file.exists() and not force:
        raise UsageError(f"{file} is there already; --force overwrites it")


def _save(file: Path, text: str, *, force: bool) -> None:
    if str(file) == "-":
        click.echo(printable_lines(text) if sys.stdout.isatty() else text.rstrip("\n"))
        return
    _check_free(file, force=force)
    write_private(file, text.encode())
    click.echo(f"wrote {file}")
