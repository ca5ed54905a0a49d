"""`bootlab node meta` and `netstat`."""

import click

from lab.cli.api import print_json, print_table
from lab.cli.node_options import json_option, with_node
from lab.clients.talos.client import PROTOCOLS
from lab.clients.talos.errors import printable
from lab.clients.talos.events import as_dict
from lab.clients.talos.sync import Node
from lab.errors import UsageError
from lab.machineapi import netstat_pb2

_STATES = netstat_pb2.ConnectRecord.State


@click.group()
def meta() -> None:
    """Small values by key (0 to 255, or 0x0a) that outlive an upgrade: docs/node.md names the keys."""


@meta.command("list")
@json_option
@with_node
def meta_list(node: Node, *, as_json: bool) -> None:
    """List the keys that have a value; needs the role os:admin."""
    found = node.call(node.client.resources.all, "runtime", "MetaKeys.runtime.talos.dev")
    values = {item.id: str(item.spec.get("value", "")) for item in found if isinstance(item.spec, dict)}
    if as_json:
        print_json(values)
        return
    print_table(("key", "value"), ([key, printable(value)] for key, value in values.items()), "no values")


@meta.command()
@click.argument("key")
@click.argument("value")
@with_node
def write(node: Node, key: str, value: str) -> None:
    """Save VALUE under KEY."""
    node.call(node.client.meta_write, _key(key), value.encode())
    click.echo(f"{node.name} keeps {_key(key):#04x}")


@meta.command()
@click.argument("key")
@with_node
def delete(node: Node, key: str) -> None:
    """Forget KEY."""
    node.call(node.client.meta_delete, _key(key))
    click.echo(f"{node.name} forgot {_key(key):#04x}")


def _key(text: str) -> int:
    try:
        key = int(text, 0)
    except ValueError:
        key = -1
    if not 0 <= key <= 255:
        raise UsageError(f"key {text}: write a number from 0 to 255, such as 12 or 0x0c")
    return key


@click.command()
@click.option("--listening", is_flag=True, help="Only what waits for others.")
@click.option("--connected", is_flag=True, help="Only what has a peer.")
@click.option("--protocol", "protocols", multiple=True, type=click.Choice(PROTOCOLS), help="Default: all.")
@click.option("--processes", "owners", is_flag=True, help="Whose they are.")
@json_option
@with_node
def netstat(
    node: Node,
    protocols: tuple[str, ...],
    *,
    listening: bool,
    connected: bool,
    owners: bool,
    as_json: bool,
) -> None:
    """List the node's sockets."""
    if listening and connected:
        raise UsageError("one of --listening and --connected; without either all are listed")
    only = "listening" if listening else "connected" if connected else "all"

    async def ask() -> list[netstat_pb2.ConnectRecord]:
        return list(await node.client.sockets(only=only, protocols=protocols, owners=owners))

    found = node.call(ask)
    if as_json:
        print_json([as_dict(record) for record in found])
        return
    rows = ([*_row(record), *([_owner(record)] if owners else [])] for record in found)
    head = ("protocol", "local", "remote", "state", *(("process",) if owners else ()))
    print_table(head, rows, "no sockets")


def _row(record: netstat_pb2.ConnectRecord) -> list[str]:
    state = _STATES.Name(record.state) if record.state in _STATES.values() else "?"
    local, remote = _at(record.localip, record.localport), _at(record.remoteip, record.remoteport)
    return [printable(record.l4proto), local, remote, state]


def _at(address: str, port: int) -> str:
    shown = printable(address)
    return f"[{shown}]:{port}" if ":" in shown else f"{shown}:{port}"


def _owner(record: netstat_pb2.ConnectRecord) -> str:
    process = record.process
    return f"{process.pid} {printable(process.name)}" if process.pid else ""
