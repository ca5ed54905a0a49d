"""`bootlab image pull debian`: Debian's network installer, with its answers. docs/plain-hosts.md."""

from pathlib import Path

import click

from lab.cli.image_pull import Pulling, run_pull, with_pull
from lab.systems.debian import Debian
from lab.systems.interface import Wanted


@click.command()
@click.option(
    "--release", "version", default="bookworm", show_default=True, help="Or trixie; 12, 13 do, too."
)
@click.option("--board", default="", help="A board type: tells the processor and the console.")
@click.option("--arch", default="", help="arm64 or x86_64, where no board is named.")
@click.option("--upstream", metavar="URL", default="", help="A mirror.  [default: Debian's package, by apt]")
@click.option(
    "--disk", default="", help="Install there, such as /dev/vda, and ask nothing: all on it is lost."
)
@click.option("--hostname", default="", help="Of the installed system.")
@click.option("--user", default="", help="Who may log in, and use sudo.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="That user's public SSH key.")
@click.option("--mirror", metavar="URL", default="", help="Where the installer finds Debian's packages.")
@click.option("--package", "packages", multiple=True, help="One more package; as often as wanted.")
@click.option("--kernel", metavar="PACKAGE", default="", help="Its kernel.  [default: the installer chooses]")
@with_pull
def debian(
    pulling: Pulling, version: str, board: str, arch: str, upstream: str, key: Path | None, **extras: str
) -> None:
    """Fetch Debian's network installer, check it, and print the plan for the site file.

    \b
    Example:
      bootlab image pull debian --board x86-q35-bios --disk /dev/vda --hostname web1 --user lab --key id.pub
    """
    told = {name: text for name, text in extras.items() if name != "packages"}
    told |= {"packages": " ".join(extras["packages"]), "key": str(key or "")}
    run_pull(
        Debian(), Wanted(version=version, board=board, arch=arch, upstream=upstream, extras=told), pulling
    )
