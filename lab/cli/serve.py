"""`bootlab serve`: the boot service of a rack, until Ctrl-C or SIGTERM."""

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lab.browse.process import ResultsProcess
from lab.companions import beside
from lab.config import load_site
from pxe.server import run
from pxe.supervisor import die_with

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
@click.option(
    "--pcap",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Record the packets of each boot of each machine into this folder (500 files of 16 MiB at most).",
)
@click.option("-v", "--verbose", is_flag=True, help="Log what only a developer wants to know, too.")
def serve(config: Path, events_file: Path | None, pcap: Path | None, *, verbose: bool) -> None:
    """Serve DHCP, TFTP, HTTP and the API as the site file says; log to the standard error output.

    The first lines say what is bound and where the API is. A socket that cannot be had is one line and exit
    code 4, a fault in the site file is exit code 2; nothing is left open then.
    """
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format=_FORMAT)
    site = load_site(config)
    interfaces = [dhcp.interface for dhcp in site.service.dhcp] if pcap is not None else []
    with recorders(interfaces, pcap), beside(site.companions):
        run(
            site.service,
            site.machines,
            site.plans,
            site.rules,
            events_file=events_file,
            results=lambda: ResultsProcess(site.results, site.service.state_dir, site.updates),
        )


@contextlib.contextmanager
def recorders(interfaces: list[str], folder: Path | None) -> Iterator[None]:
    """Run a recorder on each interface meanwhile; they end with us, however we end."""
    us = os.getpid()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "pxe.capture", interface, str(folder), "--rack"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: die_with(us),
        )
        for interface in interfaces
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(10)
