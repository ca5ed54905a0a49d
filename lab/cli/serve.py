"""`bootlab serve`: the boot service of a rack, until Ctrl-C or SIGTERM."""

import logging
from pathlib import Path

import click

from lab.config import load_site
from pxe.server import run

_FORMAT = "%(asctime)s %(levelname)-7s %(message)s"


@click.command()
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("lab.yaml"),
    show_default=True,
    help="The site file: what to listen on, machines and plans.",
)
@click.option(
    "--events",
    "events_file",
    metavar="FILE.jsonl",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append every event (DHCP, TFTP, HTTP) to this file, one JSON object a line.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log what only a developer wants to know, too.")
def serve(config: Path, events_file: Path | None, *, verbose: bool) -> None:
    """Serve DHCP, TFTP, HTTP and the API as the site file says; log to the standard error output.

    The first lines say what is bound and where the API is. A socket that cannot be had is one line and exit
    code 4, a fault in the site file is exit code 2; nothing is left open then.
    """
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format=_FORMAT)
    site = load_site(config)
    run(site.service, site.machines, site.plans, site.rules, events_file=events_file)
