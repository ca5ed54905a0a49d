"""`bootlab image pull talos`: Talos, as a schematic says, from Image Factory. docs/talos.md is the manual."""

from pathlib import Path

import click

from lab.cli.image_pull import Pulling, run_pull, with_pull
from lab.systems.interface import Wanted
from lab.systems.talos.system import Talos


@click.command()
@click.option("--version", default="", help="Like 1.13.9.  [default: the newest that is no pre-release]")
@click.option(
    "--board", default="", help="A board type, a short name such as rpi4, or the name of an overlay."
)
@click.option("--arch", default="", help="arm64 or x86_64, where no board is named.")
@click.option(
    "--schematic",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What Image Factory shall put in: extensions, kernel arguments ...  [default: nothing]",
)
@click.option(
    "--with", "more", metavar="PART", multiple=True, help="Fetch this, too: disk, disk-zst, iso, installer."
)
@click.option("--secureboot", is_flag=True, help="The signed UKI for UEFI Secure Boot, and nothing else.")
@click.option(
    "--machine-config",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The machine configuration that the plan delivers.  [default: none, it waits in maintenance]",
)
@click.option("--upstream", metavar="URL", default="", help="Another Image Factory than the public one.")
@click.option("--allow-http", is_flag=True, help="Take an upstream without https outside private networks.")
@with_pull
def talos(
    pulling: Pulling,
    version: str,
    board: str,
    arch: str,
    schematic: Path | None,
    more: tuple[str, ...],
    machine_config: Path | None,
    upstream: str,
    *,
    secureboot: bool,
    allow_http: bool,
) -> None:
    """Fetch Talos for a board from Image Factory, and print the plan for the site file.

    \b
    Example:
      bootlab image pull talos --version 1.13.9 --board rpi4 --schematic node.yaml
    """
    extras = {
        "schematic": str(schematic or ""),
        "with": ",".join(more),
        "secureboot": "1" if secureboot else "",
        "config": str(machine_config or ""),
        "allow_http": "1" if allow_http else "",
    }
    wanted = Wanted(version=version, arch=arch, board=board, upstream=upstream, extras=extras)
    manifest = run_pull(Talos(), wanted, pulling)
    if pulling.as_json:
        return
    vouches = "over plain http nothing" if upstream.startswith("http:") else "its TLS alone"
    click.echo(f"Image Factory publishes no checksums to everybody: {vouches} vouches for them", err=True)
    if "image" in manifest.parts:
        click.echo(
            "the kernel is an EFI zboot one, which UEFI starts and U-Boot's booti does not: the plain kernel "
            "inside it is part `image`",
            err=True,
        )
