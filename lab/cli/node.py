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
    node_ssh,
    node_streams,
)
from lab.cli.node_ssh_options import OrSsh


@click.group()
def node() -> None:
    """One node by its API (Talos, refos: docs/node.md) or over SSH (Flatcar, CoreOS, Debian: docs/ssh.md):
    configure, upgrade, roll back, look."""


for command in (
    node_keys.ca,
    node_keys.talosconfig,
    node_gen.gen,
    OrSsh(node_look.version, node_ssh.version),
    OrSsh(node_look.status, node_ssh.status),
    node_config.config,
    node_change.install,
    OrSsh(node_change.upgrade, node_ssh.upgrade),
    OrSsh(node_change.rollback, node_ssh.rollback),
    OrSsh(node_change.reboot, node_ssh.reboot),
    node_change.shutdown,
    node_change.reset,
    node_cluster.bootstrap,
    node_cluster.kubeconfig,
    node_cluster.etcd,
    node_cluster.access,
    node_meta.meta,
    node_streams.events,
    node_streams.dmesg,
    OrSsh(node_streams.logs, node_ssh.logs),
    OrSsh(node_streams.capture, node_ssh.capture),
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

for command in (OrSsh(node_config.apply, node_ssh.apply), OrSsh(node_config.diff, node_ssh.diff)):
    node_config.config.add_command(command)
