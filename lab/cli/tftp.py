"""`bootlab tftp DIR`: the TFTP server alone, with one line for each transfer."""

import signal
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.text import Text

from pxe.boot.files import FileRoot
from pxe.errors import ServiceError
from pxe.events import Event, PacketMalformed, TransferEnded, TransferRefused, TransferStarted
from pxe.net.ports import PortRange
from pxe.net.tftp import TftpServer, bind_tftp
from pxe.net.upload_folder import UploadFolder
from pxe.settings import UploadSettings

_STYLES = {"complete": "green", "unacknowledged": "green", "aborted": "yellow"}


class HostFault(click.ClickException):
    """The host cannot give what the server needs (a port, a readable folder)."""

    exit_code = 4


def parse_listen(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[IPv4Address, int]:
    """Return address and port of `ADDR:PORT`, `ADDR` (port 69) or `:PORT` (all addresses)."""
    host, _, port = value.partition(":")
    port = port or "69"
    try:
        address = IPv4Address(host or "0.0.0.0")
    except AddressValueError as exc:
        raise click.BadParameter(f"{host!r} is not an IPv4 address; write it like 192.168.1.10:69") from exc
    if not (port.isascii() and port.isdigit() and int(port) <= 0xFFFF):
        raise click.BadParameter(f"{port!r} is not a UDP port: a number from 0 (any free one) to 65535")
    return address, int(port)


def parse_range(_ctx: click.Context, _param: click.Parameter, value: str | None) -> PortRange | None:
    """Return the ports of `FIRST:LAST`."""
    if value is None:
        return None
    first, _, last = value.partition(":")
    if not all(part.isascii() and part.isdigit() for part in (first, last)):
        raise click.BadParameter(f"{value!r} is no range of ports; write it like 40000:40255")
    if not 1024 <= int(first) <= int(last) <= 0xFFFF:
        raise click.BadParameter(f"{value}: from 1024 to 65535, the lower one first")
    return PortRange(int(first), int(last))


class TransferLog:
    """Prints events of the TFTP server, one line each; `verbose` adds starts and malformed packets."""

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._options: dict[str, dict[str, int]] = {}  # transfer -> options granted

    def __call__(self, event: Event) -> None:
        """Take one event."""
        match event:
            case TransferStarted():
                self._options[event.transfer] = event.options
                if self._verbose:
                    self._line(event.peer, "cyan", "started", f"{event.name}  {_size(event.size)}")
            case TransferEnded():
                self._ended(event)
            case TransferRefused():
                self._line(event.peer, "red", "refused", f"{event.name}  {event.reason}")
            case PacketMalformed() if self._verbose:
                self._line(event.peer, "red", "malformed", event.reason)

    def _ended(self, event: TransferEnded) -> None:
        options = self._options.pop(event.transfer, {})
        seconds = event.duration_ns / 1e9
        parts = [event.name, _size(event.sent)]
        if event.sent != event.size:
            parts[-1] += f" of {_size(event.size)}"
        if seconds > 0 and event.sent:
            parts.append(f"{event.sent / seconds / 1e6:.1f} MB/s in {seconds:.3f} s")
        parts.append(f"{event.repeated} repeated")
        parts.append(" ".join(f"{name}={value}" for name, value in options.items()) or "no options")
        if event.detail:
            parts.append(event.detail)
        self._line(event.peer, _STYLES.get(event.outcome, "red"), event.outcome, "  ".join(parts))

    def _line(self, peer: str, style: str, word: str, rest: str) -> None:
        # The server waits while we print. rich takes 150 us a line: worth it only where it is seen.
        if not self._console.is_terminal:
            self._console.file.write(f"{peer:<21} {word:<14} {rest}\n")
            self._console.file.flush()
            return
        # Text, not markup: names come off the wire.
        line = Text.assemble(f"{peer:<21} ", (f"{word:<14} ", style), rest)
        self._console.print(line, soft_wrap=True, highlight=False)


def _size(count: int) -> str:
    return f"{count} bytes" if count < 10_000 else f"{count / 1e6:.2f} MB"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--listen",
    metavar="ADDR:PORT",
    callback=parse_listen,
    default="0.0.0.0:69",
    show_default=True,
    help="Address and UDP port; ports below 1024 need root or CAP_NET_BIND_SERVICE.",
)
@click.option(
    "--upload",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Let clients write below DIR, each in a subfolder named by its address; nothing is overwritten.",
)
@click.option("--single-port", is_flag=True, help="Run all transfers on the port of the requests.")
@click.option(
    "--port-range",
    metavar="FIRST:LAST",
    callback=parse_range,
    help="Run each transfer on one of these ports, for firewalls.",
)
@click.option("--verbose", is_flag=True, help="Also show the start of transfers and malformed packets.")
def tftp(
    folder: Path,
    listen: tuple[IPv4Address, int],
    upload: Path | None,
    port_range: PortRange | None,
    *,
    single_port: bool,
    verbose: bool,
) -> None:
    """Serve the files below DIR by TFTP until Ctrl-C; read-only unless --upload is given.

    One line for each transfer: client, outcome, file, bytes, rate, DATA blocks sent again, options granted.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise click.BadParameter(f"{folder} {what}; name the folder that holds the files to serve")
    if single_port and port_range is not None:
        raise click.UsageError("--single-port and --port-range exclude each other")
    console = Console()
    try:
        root = FileRoot(folder)
        uploads = UploadFolder(UploadSettings(folder=upload)) if upload is not None else None
        sock = bind_tftp(*listen)
    except ServiceError as exc:
        raise HostFault(str(exc)) from exc
    server = TftpServer(
        sock,
        lambda name, _: root.resolve(name),
        TransferLog(console, verbose=verbose),
        ports=port_range,
        single_port=single_port,
        uploads=uploads,
    )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    host, port = server.address
    text = f"serving {root.path} by TFTP on {host}:{port}; Ctrl-C stops"
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    server.serve()
    console.print("stopped", highlight=False)
