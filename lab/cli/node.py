"""`bootlab node`: one node by its API, Talos or refos. docs/node.md."""

import click

from lab.cli import (
    node_change,
    node_cluster,
    node_config,
    node_emulate,
    node_gen,
    node_keys,
    node_look,
    node_meta,
    node_streams,
)


@click.group()
def node() -> None:
    """One node by its API (Talos, refos): configure, upgrade, roll back, look: docs/node.md."""


for command in (
    node_keys.ca,
    node_keys.talosconfig,
    node_gen.gen,
    node_look.version,
    node_look.status,
    node_config.config,
    node_change.install,
    node_change.upgrade,
    node_change.rollback,
    node_change.reboot,
    node_change.shutdown,
    node_change.reset,
    node_cluster.bootstrap,
    node_cluster.kubeconfig,
    node_cluster.etcd,
    node_cluster.access,
    node_meta.meta,
    node_streams.events,
    node_streams.dmesg,
    node_streams.logs,
    node_streams.capture,
    node_streams.listen,
    node_look.services,
    node_look.stats,
    node_look.processes,
    node_look.mounts,
    node_look.disks,
    node_meta.netstat,
    node_look.ls,
    node_streams.cat,
    node_look.get,
    node_emulate.emulate,
):
    node.add_command(command)
