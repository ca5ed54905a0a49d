"""`bootlab image pull flatcar`: Flatcar from one of its channels. docs/flatcar.md is the manual."""

from pathlib import Path

import click

from lab.cli.image_pull import Pulling, run_pull, with_ignition, with_pull
from lab.systems.flatcar.releases import CHANNELS
from lab.systems.flatcar.system import Flatcar
from lab.systems.interface import Ability, Wanted


@click.command()
@click.option("--channel", type=click.Choice(CHANNELS), default="stable", show_default=True)
@click.option("--version", default="", help="Like 4593.2.4.  [default: what is current in the channel]")
@click.option("--board", default="", help="A board type: tells the processor and the console.")
@click.option("--arch", default="", help="arm64 or x86_64, where no board is named.")
@with_ignition
@click.option(
    "--autologin", metavar="TTY", default="", help="No password on this terminal, such as ttyS0, or on all."
)
@click.option(
    "--sshkey",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A public key that the user core lets in.",
)
@with_pull
def flatcar(
    pulling: Pulling,
    channel: str,
    version: str,
    board: str,
    arch: str,
    autologin: str,
    sshkey: Path | None,
    upstream: str,
    keyring: Path | None,
    extras: dict[str, str],
) -> None:
    """Fetch Flatcar's kernel and initrd for netbooting, check them, and print the plan for the site file.

    \b
    Example:
      bootlab image pull flatcar --channel stable --arch arm64 --keyring flatcar.asc --ignition node.bu
    """
    key = sshkey.read_text(encoding="utf-8", errors="replace") if sshkey is not None else ""
    wanted = Wanted(
        version=version,
        arch=arch,
        board=board,
        channel=channel,
        upstream=upstream,
        keyring=keyring,
        extras=extras | {"autologin": autologin, "sshkey": key},
    )
    system = Flatcar()
    run_pull(system, wanted, pulling)
    if pulling.as_json:
        return
    if keyring is None:
        click.echo(
            "no signature was checked: the list of SHA-512 is as good as the TLS it came by; --keyring "
            "checks Flatcar's signatures",
            err=True,
        )
    click.echo("a machine needs 3 GB of RAM to boot it so", err=True)
    click.echo(f"it will not update itself: {system.cannot_netbooted[Ability.UPGRADE]}", err=True)
