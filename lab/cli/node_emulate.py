"""`bootlab node emulate`: refos on the emulated board, to try the commands of `bootlab node` on."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version as installed_version
from pathlib import Path

import click

from lab.board import Board
from lab.cli.node_simulate import settings_of, simulate
from lab.config.default import default_site
from lab.errors import BoardError, StreamClosed, UsageError
from lab.model import DriverConfig
from lab.refos.build.image import Image, Request, build
from lab.sandbox.forward import forwarded
from lab.session import LabSession
from pxe.plan import Arch, Asset, BootPlan

_PLACE, _PORT, _DISK = "qemu1", 50000, "512M"
_BOOT_SECONDS, _FOR_EVER = 300.0, 7 * 86400.0
_LINE = r"(refos: [^\r\n]{1,300})[\r\n]"


@click.command()
@click.option(
    "--disk",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Its disk, a file that is made where it is missing, and kept.  [default: an empty one, for once]",
)
@click.option(
    "--bundle",
    "bundles",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="An update bundle to serve as well, to upgrade to; as often as wanted.",
)
@click.option(
    "--talos",
    metavar="VERSION",
    help="Instead: simulated nodes with the manners of Talos 1.12, 1.13 or 1.14; no emulator, at once.",
)
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 250), help="How many of those.")
@click.option("--port", default=_PORT, show_default=True, type=click.IntRange(1, 65535), help="Of those.")
@click.option("--events-sink", default="", metavar="HOST:PORT", help="As talos.events.sink= does, of those.")
@click.option("--kernel-log", default="", metavar="URL", help="As talos.logging.kernel= does, of those.")
def emulate(
    disk: Path | None,
    bundles: tuple[Path, ...],
    talos: str | None,
    count: int,
    port: int,
    events_sink: str,
    kernel_log: str,
) -> None:
    """Run refos on the emulated board until Ctrl-C, in maintenance where its disk is empty.

    Says where its API is, and what the node says on its console.
    """
    if talos is not None:
        if disk is not None or bundles:
            raise UsageError("--disk and --bundle are for refos; a simulated node has no disk")
        simulate(talos, count, port, settings_of(events_sink, kernel_log))
        return
    if count != 1 or port != _PORT or events_sink or kernel_log:
        raise UsageError("--count, --port, --events-sink and --kernel-log are for --talos")
    image = build(
        Request(version=installed_version("bootlab")), lambda text: click.echo(f"refos: {text}", err=True)
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        _running(image, disk or Path(folder, "disk.img"), bundles) as running,
    ):
        session, board = running
        _follow_until(board, "refos: api up")
        addresses = [lease["ip"] for lease in session.service(board.place).leases()]
        assert session.sandbox is not None  # the board is an emulated one
        with forwarded(session.sandbox, str(addresses[0]), _PORT) as port:
            server = f"http://{session.server_address(board.place)}"
            click.echo(f"\nits API: --node 127.0.0.1:{port}")
            click.echo(f"to install: {server}/{image.bundle.name} /dev/vda")
            for bundle in bundles:
                click.echo(f"to upgrade to: {server}/{bundle.name}")
            click.echo("Ctrl-C ends it\n")
            _follow(board)


@contextmanager
def _running(image: Image, disk: Path, bundles: Sequence[Path]) -> Iterator[tuple[LabSession, Board]]:
    """A board with this disk, which netboots the image where the disk does not boot, switched on."""
    site = default_site()
    (place,) = site.places
    size = {} if disk.exists() else {"size": _DISK}
    options = {"memory": 768, "watchdog": True, "disks": [{"path": str(disk.absolute()), **size}]}
    power = DriverConfig(kind=place.power.kind, options=options)
    dhcp = tuple(replace(d, subnets=tuple(replace(s, dns=()) for s in d.subnets)) for d in site.service.dhcp)
    service = replace(site.service, dhcp=dhcp)  # nobody answers names in the sandbox
    plan = BootPlan(
        name="refos",
        arch=Arch.ARM64,
        kernel=Asset("kernel", image.kernel),
        initrd=Asset("initrd", image.netboot),
        cmdline="console=ttyAMA0 panic=5",
        files=tuple(Asset(path.name, path.absolute()) for path in (image.bundle, *bundles)),
    )
    with LabSession(replace(site, service=service, places=(replace(place, power=power),))) as session:
        board = session.board(_PLACE)
        session.assign(board.place, plan)
        click.echo("the board boots", err=True)
        board.cycle()
        yield session, board


def _line(board: Board, seconds: float) -> str:
    """Wait for the next line of refos, a whole one."""
    return (board.console.expect(_LINE, seconds).groups[0] or b"").decode(errors="replace")


def _follow_until(board: Board, wanted: str) -> None:
    """Print what the node says until it says `wanted`."""
    line = ""
    while not line.startswith(wanted):
        line = _line(board, _BOOT_SECONDS)
        click.echo(line)


def _follow(board: Board) -> None:
    """Print what the node says until Ctrl-C; it may restart."""
    with board.console.expecting_reset():
        try:
            while True:
                click.echo(_line(board, _FOR_EVER))
        except KeyboardInterrupt:
            return
        except (BoardError, StreamClosed) as error:
            click.echo(f"the console is at its end: {error}", err=True)
