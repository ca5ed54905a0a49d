"""`bootlab node gen`: the secrets of a cluster, a config for each of its machines, and a talosconfig."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lab.cli.node_config import read_text
from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.generate import CONTROL_PLANE, TYPES, VERSIONS, WORKER, Cluster, machine_config
from lab.clients.talos.pem import write_private
from lab.clients.talos.secrets import ClusterSecrets
from lab.clients.talos.talosconfig import Context, Talosconfig, dump
from lab.config import load_site
from lab.errors import ConfigError, UsageError
from lab.machineconfig import ConfigFaults, load
from lab.machineconfig import patch as patched

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_SECRETS, _TALOSCONFIG = "secrets.yaml", "talosconfig"
_force = click.option("--force", is_flag=True, help="Overwrite what is there.")


@dataclass(frozen=True)
class _Machine:
    """A file to write: for a machine of that name, or for all of its type where it has none."""

    type: str
    name: str = ""
    address: str = ""

    @property
    def file(self) -> str:
        return f"{self.name or self.type}.yaml"


@click.group()
def gen() -> None:
    """Secrets, machine configs and a talosconfig of a new cluster: docs/talos.md."""


@gen.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(_SECRETS),
    show_default=True,
    help="The file.",
)
@_force
def secrets(output: Path, *, force: bool) -> None:
    """Make the secrets of a cluster: its authorities, keys and tokens.

    Whoever reads the file owns the cluster. `talosctl gen config --with-secrets` has the same keys in it.
    """
    _write({output: ClusterSecrets.create().dump()}, force=force)


@gen.command()
@click.argument("name")
@click.argument("endpoint")
@click.option(
    "--with-secrets",
    "secrets_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Use these; without it new ones are made, and written beside the configs.",
)
@click.option(
    "--version",
    "version",
    default=VERSIONS[1],
    show_default=True,
    help=f"Of Talos, {', '.join(VERSIONS)}, or a whole one such as 1.13.9 (for its installer); or refos.",
)
@click.option("--kubernetes-version", "kubernetes", default="", help="Default: that of the node's Talos.")
@click.option("--install-disk", default="", help="Install on this disk, such as /dev/sda.")
@click.option("--install-image", default="", help="The installer, such as one of the Image Factory.")
@click.option("--san", "sans", multiple=True, help="A further name or address of the control plane.")
@click.option(
    "-p",
    "--patch",
    "patches",
    multiple=True,
    metavar="[WHERE=]@FILE",
    help="A strategic-merge patch for all, or for WHERE: controlplane, worker, or a machine's name.",
)
@click.option(
    "-m", "--machine", "named", multiple=True, metavar="NAME[=TYPE]", help="Write a config for it; a worker."
)
@click.option(
    "--site",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one for each machine and place of this site file; the tag `controlplane` says which are.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="The folder."
)
@_force
def config(
    secrets_file: Path | None,
    patches: tuple[str, ...],
    named: tuple[str, ...],
    site: Path | None,
    output: Path,
    *,
    force: bool,
    **options: Any,
) -> None:
    """Write machine configs and a talosconfig for the cluster NAME, whose Kubernetes is at ENDPOINT.

    \b
    Examples:
      bootlab node gen config rack1 https://10.0.0.10:6443 --install-disk /dev/sda
      bootlab node gen config rack1 https://10.0.0.10:6443 --site lab.yaml -p @dns.yaml -p cp1=@vip.yaml
    """
    cluster = Cluster(**options)
    machines = _machines(site, named)
    wanted = _patches(patches, machines)
    made = ClusterSecrets.load(secrets_file) if secrets_file is not None else ClusterSecrets.create()
    files = {output / machine.file: _patched(cluster, made, machine, wanted) for machine in machines}
    if secrets_file is None:
        files[output / _SECRETS] = made.dump()
    files[output / _TALOSCONFIG] = _talosconfig(cluster, made, machines)
    _write(files, force=force)


def _machines(site: Path | None, named: Sequence[str]) -> list[_Machine]:
    found = [_named(text) for text in named]
    if site is not None:
        for machine in load_site(site).machines:
            kind = CONTROL_PLANE if CONTROL_PLANE in machine.tags else WORKER
            name = machine.name or machine.mac.replace(":", "-")
            if not _NAME.fullmatch(name):
                raise UsageError(f"{site}: machine {name}: is no host name, which a node's name must be")
            found.append(_Machine(kind, name, str(machine.ip or "")))
        if not found:
            raise UsageError(f"{site}: has no machines; list them in `machines` or `places`")
    twice = {machine.name for machine in found if [m.name for m in found].count(machine.name) > 1}
    if twice:
        raise UsageError(f"two machines have the name {sorted(twice)[0]}")
    return found or [_Machine(kind) for kind in TYPES]


def _named(text: str) -> _Machine:
    name, _, kind = text.partition("=")
    if not _NAME.fullmatch(name) or (kind or WORKER) not in TYPES:
        raise UsageError(f"--machine {text}: write NAME or NAME=TYPE, a type being {' or '.join(TYPES)}")
    return _Machine(kind or WORKER, name)


def _patches(texts: Sequence[str], machines: Sequence[_Machine]) -> list[tuple[str, Path]]:
    """Who each patch is for ("": all), and its file."""
    known = {*TYPES, *(machine.name for machine in machines)} - {""}
    found = []
    for text in texts:
        where, at, path = text.rpartition("@")
        where = where.removesuffix("=")
        if not at or not path:
            raise UsageError(f"--patch {text}: write @FILE, or WHERE=@FILE")
        if where and where not in known:
            raise UsageError(f"--patch {text}: there is no {where}; there are {', '.join(sorted(known))}")
        found.append((where, Path(path)))
    return found


def _patched(
    cluster: Cluster, secrets: ClusterSecrets, machine: _Machine, patches: Sequence[tuple[str, Path]]
) -> str:
    text = machine_config(cluster, secrets, machine.type, machine.name)
    for where, path in patches:
        if where in ("", machine.type, machine.name):
            try:
                text = patched(text, read_text(path))
            except ConfigFaults as exc:
                raise ConfigError([f"{path}: {fault}" for fault in exc.faults]) from exc
    try:
        load(text)
    except ConfigFaults as exc:
        for fault in exc.faults:  # the node's own schema knows more than ours
            click.echo(f"bootlab: {machine.file}: {fault}; not known here, the node decides", err=True)
    return text


def _talosconfig(cluster: Cluster, secrets: ClusterSecrets, machines: Sequence[_Machine]) -> str:
    client = CertificateAuthority(secrets.machine).issue_client("os:admin")
    nodes = tuple(machine.address for machine in machines if machine.address)
    endpoints = tuple(m.address for m in machines if m.address and m.type == CONTROL_PLANE)
    context = Context(cluster.name, secrets.machine.certificate, client, endpoints, nodes)
    return dump(Talosconfig(cluster.name, {cluster.name: context}))


def _write(files: Mapping[Path, str], *, force: bool) -> None:
    """Nothing where one is there: a config beside secrets of another cluster is worse than none."""
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        raise UsageError(f"{', '.join(there)}: there already; --force overwrites, another --output does not")
    for path, text in files.items():
        write_private(path, text.encode())
        click.echo(f"wrote {path}")
