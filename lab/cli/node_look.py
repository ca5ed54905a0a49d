"""`bootlab node version, status, services, stats, processes, mounts, disks, ls, get`: looking."""

import dataclasses
import stat
from typing import Any

import click

from lab.cli.api import clock, fields, print_json, print_table
from lab.cli.node_options import json_option, with_node
from lab.clients.talos.errors import NodeError, printable
from lab.clients.talos.events import as_dict
from lab.clients.talos.resources import KINDS
from lab.clients.talos.sync import Node
from lab.errors import UsageError


@click.command()
@json_option
@with_node
def version(node: Node, *, as_json: bool) -> None:
    """Print what runs on the node."""
    found = {"node": node.name, **dataclasses.asdict(node.version())}
    print_json(found) if as_json else fields(list(found), found)


@click.command()
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(1, 86400),
    metavar="SECONDS",
    help="Wait until it is ready; fail where it takes longer.",
)
@json_option
@with_node
def status(node: Node, seconds: float | None, *, as_json: bool) -> None:
    """Print the node's stage, whether it is ready, and its resolvers; exit code 1 where it is not ready."""
    if seconds is not None:
        node.wait_ready(seconds)
    machine = node.machine_status()
    resolvers = node.resolvers()
    if as_json:
        print_json(
            {"node": node.name, **dataclasses.asdict(machine), "resolvers": dataclasses.asdict(resolvers)}
        )
    else:
        click.echo(f"{node.name}: {machine.stage}, {'ready' if machine.ready else 'not ready'}")
        for name, reason in machine.unmet:
            click.echo(f"  {name}: {reason}")
        click.echo(f"resolvers: {' '.join(resolvers.servers) or 'none'}")
    if not machine.ready:
        raise SystemExit(1)


@click.command()
@json_option
@with_node
def services(node: Node, *, as_json: bool) -> None:
    """List the node's services."""
    found = node.services()
    if as_json:
        print_json([as_dict(service) for service in found])
        return
    rows = (
        [
            s.id,
            s.state,
            "" if s.health.unknown else "yes" if s.health.healthy else "NO",
            s.health.last_message,
        ]
        for s in found
    )
    print_table(("service", "state", "healthy", "last message"), rows, "no services")


@click.command()
@json_option
@with_node
def stats(node: Node, *, as_json: bool) -> None:
    """Print the load, the memory, and the kernel's counters since boot."""
    client = node.client
    found, load, memory = node.statistics(), node.call(client.load), node.call(client.memory)
    if as_json:
        print_json({**as_dict(found), "load": as_dict(load), "memory_kib": as_dict(memory)})
        return
    click.echo(f"booted            {clock(found.boot_time)}")
    click.echo(f"load              {load.load1:g} {load.load5:g} {load.load15:g}")
    click.echo(f"memory            {memory.memavailable} of {memory.memtotal} KiB available")
    names = ("context_switches", "process_created", "process_running", "process_blocked", "irq_total")
    for name in names:
        click.echo(f"{name:17} {getattr(found, name)}")
    rows = (
        [number, *(f"{getattr(cpu, name):.1f}" for name in ("user", "system", "idle", "iowait"))]
        for number, cpu in enumerate(found.cpu)
    )
    print_table(("CPU", "user s", "system s", "idle s", "iowait s"), rows, "no CPUs")


@click.command()
@json_option
@with_node
def processes(node: Node, *, as_json: bool) -> None:
    """List what runs on the node."""
    found = node.call(node.client.processes)
    if as_json:
        print_json([as_dict(process) for process in found])
        return
    rows = (
        [
            p.pid,
            p.ppid,
            p.state,
            f"{p.cpu_time:.1f}",
            p.resident_memory >> 10,
            printable(p.args or f"[{p.command}]"),
        ]
        for p in found
    )
    print_table(("process", "parent", "state", "CPU s", "KiB", "command"), rows, "no processes")


@click.command()
@json_option
@with_node
def mounts(node: Node, *, as_json: bool) -> None:
    """List what is mounted."""
    found = node.mounts()
    if as_json:
        print_json([as_dict(mount) for mount in found])
        return
    rows = ([m.mounted_on, m.filesystem, m.size, m.available] for m in found)
    print_table(("on", "file system", "bytes", "free"), rows, "nothing is mounted")


@click.command()
@json_option
@with_node
def disks(node: Node, *, as_json: bool) -> None:
    """List the node's disks."""
    found = node.call(node.client.disks)
    if as_json:
        print_json([as_dict(disk) for disk in found])
        return
    rows = ([d.device_name, d.size, d.model, d.serial, "system" if d.system_disk else ""] for d in found)
    print_table(("disk", "bytes", "model", "serial", "use"), rows, "no disks")


@click.command()
@click.argument("path")
@click.option("--depth", default=1, show_default=True, type=click.IntRange(1, 100), help="Levels of folders.")
@json_option
@with_node
def ls(node: Node, path: str, depth: int, *, as_json: bool) -> None:
    """List files below PATH."""
    found = list(node.listing(path, depth=depth))
    if as_json:
        print_json([as_dict(entry) for entry in found])
    else:
        rows = (
            [
                stat.filemode(e.mode),
                e.size,
                clock(e.modified),
                e.relative_name + (f" -> {e.link}" if e.link else "") + (f"  ({e.error})" if e.error else ""),
            ]
            for e in found
        )
        print_table(("mode", "bytes", "modified", "name"), rows, "no files")
    failed = [entry for entry in found if entry.error]
    if failed and len(failed) == len(found):
        raise NodeError(node.name, f"{path}: {failed[0].error}")


@click.command()
@click.argument("kind")
@click.argument("id", required=False)
@click.option("--namespace", default="", help="For a type by its full name.")
@click.option("-w", "--watch", is_flag=True, help="Go on with what changes, until Ctrl-C.")
@json_option
@with_node
def get(node: Node, kind: str, id: str | None, namespace: str, *, watch: bool, as_json: bool) -> None:
    """Print resources: machinestatus, resolvers, machineconfig, or a full type with --namespace.

    \b
    Example:
      bootlab node get MachineStatuses.runtime.talos.dev --namespace runtime --watch
    """
    if not namespace and kind not in KINDS:
        raise UsageError(f"{kind}: one of {', '.join(KINDS)}, or a full type with --namespace")
    where = KINDS[kind] if not namespace else (namespace, kind)
    resources = node.client.resources
    if watch:
        for change in node.each(resources.watch(*where, id or "")):
            if change.resource is not None and change.resource.id:
                _show(change.kind, change.resource, as_json=as_json)
        return
    found = [node.call(resources.get, *where, id)] if id else node.call(resources.all, *where)
    if not found and not as_json:
        click.echo("no resources")
    for resource in found:
        _show("", resource, as_json=as_json)


def _show(change: str, resource: Any, *, as_json: bool) -> None:
    if as_json:
        print_json({**({"change": change} if change else {}), **dataclasses.asdict(resource)})
        return
    click.echo(
        f"# {change + ': ' if change else ''}{resource.type} {resource.id}, version {resource.version}"
    )
    click.echo("".join(char if char.isprintable() or char == "\n" else "?" for char in resource.text))
