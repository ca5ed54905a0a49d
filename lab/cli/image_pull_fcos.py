"""`bootlab image pull fcos`: Fedora CoreOS, or what publishes the same metadata. docs/fedora-coreos.md."""

from pathlib import Path

import click

from lab.cli.image_pull import Pulling, run_pull, with_ignition, with_pull
from lab.systems.fcos.system import FedoraCoreos
from lab.systems.interface import Wanted


@click.command()
@click.option("--stream", default="stable", show_default=True, help="stable, testing or next.")
@click.option("--version", default="", help="Like 44.20260802.3.0.  [default: the stream's newest]")
@click.option("--board", default="", help="A board type: tells the processor and the console.")
@click.option("--arch", default="", help="arm64 or x86_64, where no board is named.")
@with_ignition
@click.option("--install", metavar="DISK", default="", help="Install it there, such as /dev/vda.")
@click.option(
    "--then", metavar="PLAN", default="", help="The plan that follows, such as one of action: local."
)
@click.option(
    "--metadata", metavar="URL", default="", help="The stream of another system with the same shape (RHCOS)."
)
@click.option("--name", default="", help="What that system's image is called.  [default: its stream]")
@with_pull
def fcos(
    pulling: Pulling,
    stream: str,
    version: str,
    board: str,
    arch: str,
    install: str,
    then: str,
    metadata: str,
    name: str,
    upstream: str,
    keyring: Path | None,
    extras: dict[str, str],
) -> None:
    """Fetch Fedora CoreOS' live kernel, initramfs and root filesystem, check them, and print the plan.

    \b
    Example:
      bootlab image pull fcos --stream stable --arch x86_64 --keyring fedora.gpg --ignition node.bu
    """
    wanted = Wanted(
        version=version,
        arch=arch,
        board=board,
        channel=stream,
        upstream=upstream,
        keyring=keyring,
        extras=extras | {"install": install, "then": then, "metadata": metadata, "name": name},
    )
    run_pull(FedoraCoreos(), wanted, pulling)
    if pulling.as_json:
        return
    if keyring is None:
        click.echo(
            "no signature was checked: the SHA-256 of the metadata is as good as the TLS it came by; "
            "--keyring checks the publisher's signatures",
            err=True,
        )
    click.echo("a machine needs 2 GB of RAM to boot it so", err=True)
