"""`bootlab node ca` and `talosconfig`: the lab's authority for nodes, and certificates for people."""

import base64
from datetime import timedelta
from pathlib import Path

import click

from lab.clients.talos import talosconfig as files
from lab.clients.talos.certs import CA_FILES, ROLES, CertificateAuthority
from lab.clients.talos.talosconfig import Context, Talosconfig

_folder = click.option(
    "--ca",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("node-ca"),
    show_default=True,
    help="The folder of the authority.",
)


@click.command()
@_folder
@click.option("--name", default="bootlab", show_default=True, help="Its name in certificates.")
@click.option(
    "--days", default=3650, show_default=True, type=click.IntRange(1, 36500), help="How long it holds."
)
@click.option("--config", is_flag=True, help="Print a machine config that trusts it; it is made if missing.")
def ca(folder: Path, name: str, days: int, *, config: bool) -> None:
    """Make the lab's certificate authority: whom nodes trust, and who signs for them.

    Whoever reads ca.key is admin on every node of the lab.
    """
    if not (config and (folder / CA_FILES[0]).exists()):
        CertificateAuthority.create(name, timedelta(days=days)).save(folder)
        click.echo(f"made {folder / CA_FILES[0]} and {folder / CA_FILES[1]}", err=config)
    if config:
        pair = CertificateAuthority.load(folder).pair
        crt, key = (base64.b64encode(pem).decode() for pem in (pair.certificate, pair.key))
        click.echo(f"version: v1alpha1\nmachine:\n  type: worker\n  ca:\n    crt: {crt}\n    key: {key}")


@click.command()
@_folder
@click.option("--role", type=click.Choice(ROLES), default="os:admin", show_default=True)
@click.option(
    "--days", default=365, show_default=True, type=click.IntRange(1, 36500), help="How long it holds."
)
@click.option("--context", "name", default="bootlab", show_default=True, help="The context to write.")
@click.option("-n", "--node", "nodes", multiple=True, help="A node of this context; as often as there are.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file; its other contexts stay.  [env var: TALOSCONFIG; default: ~/.talos/config]",
)
def talosconfig(
    folder: Path, role: str, days: int, name: str, nodes: tuple[str, ...], output: Path | None
) -> None:
    """Issue a certificate and write it as a context of a talosconfig, which talosctl reads as well."""
    path = output or files.default_path()
    authority = CertificateAuthority.load(folder)
    client = authority.issue_client(role, timedelta(days=days))
    found = files.load(path) if path.exists() else Talosconfig("", {})
    files.save(found.with_context(Context(name, authority.pair.certificate, client, nodes, nodes)), path)
    click.echo(f"wrote context {name} with the role {role} to {path}")
