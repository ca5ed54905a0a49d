"""`bootlab demo`: one emulated board, netbooted from our own servers, and a report of where the time went."""

import os
from pathlib import Path

import click
from rich.console import Console

from lab.cli.boot import run_and_tell
from lab.cli.results_options import results_option
from lab.config import load_board_type
from lab.config.default import default_site
from lab.images import automatic_installer
from lab.series import Series
from lab.session import LabSession
from lab.store import latest


@click.command()
@click.option("-n", "--boots", default=1, show_default=True, type=click.IntRange(1, 1000), help="How often.")
@results_option("Where the run is recorded.")
@click.option("--pcap/--no-pcap", default=True, help="Record the packets of each boot (default: yes).")
@click.option("--open/--no-open", "open_page", default=None, help="Open the report in a browser, or do not.")
def demo(boots: int, results: Path, open_page: bool | None, *, pcap: bool) -> int:
    """Netboot an emulated arm64 board and show where every second went.

    A private network is made, our own DHCP, TFTP and HTTP serve it on their real ports, and QEMU's U-Boot
    finds them by itself. Debian's installer comes up and fetches its answers over HTTP. Nothing is installed,
    no traffic leaves this host, and nothing is left behind but the record under results/.
    """
    out = Console(highlight=False)
    site = default_site(results)
    with LabSession(site) as session:
        place = site.places[0]
        image = automatic_installer(load_board_type(place.board_type).console_args)
        board = session.board(place.name)
        session.service(place)
        assert session.sandbox is not None
        link = session.sandbox.link(place.name).kind
        out.print(
            f"sandbox:  {'root' if os.geteuid() == 0 else 'user'} namespace, {link} link, "
            f"boot service on {session.sandbox.address} ports 67, 69 and 80",
            soft_wrap=True,
        )
        out.print(f"board:    {board.board_type.title}; this takes about a minute", soft_wrap=True)
        status = run_and_tell(
            Series(session=session, place=place.name, image=image, boots=boots, results=results, pcap=pcap)
        )
    folder = latest(results)
    if folder is not None and (_has_screen() if open_page is None else open_page):
        click.launch(str((folder / "report.html").absolute()))
    return status


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
