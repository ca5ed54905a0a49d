"""Measures what the recording of packets costs: the same boots and racks with it and without, in turns.

    python -m bench.capture [--rounds N] [--boots N] [--machines 42] [--size 16] [--markdown FILE]

A boot is that of bench.boot (an emulated board, its packets recorded as `bootlab boot` does), a rack that of
bench.rack by TFTP and by HTTP, recorded as `bootlab serve --pcap` does.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from bench.boot import boot_seconds
from bench.http import process
from bench.namespace import enter_namespace
from bench.rack import Server, make_files, measure, our_server
from lab.config import default_site, load_board_type
from lab.images import initrd_shell
from lab.packets import recording
from lab.session import LabSession
from lab.testing.firmware.service import inside

NAMES = ("without", "with")
Row = tuple[str, list[float], list[float]]


def main() -> None:
    options = parse()
    enter_namespace("bench.capture")
    rows = [boots(options.boots)] if options.boots else []
    if options.rounds:
        rows += [rack(way, options) for way in ("tftp", "http")]
    table = markdown(rows)
    print(table)
    if options.markdown:
        options.markdown.write_text(table)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of the rack; 0: none")
    parser.add_argument("--boots", type=int, default=5, help="of the board, each way; 0: none")
    parser.add_argument("--machines", type=int, default=42)
    parser.add_argument("--size", type=int, default=16, help="MiB of the rack's kernel")
    parser.add_argument("--windowsize", type=int, default=8, help="what the rack's machines ask for")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    return parser.parse_args()


def boots(count: int) -> Row:
    """Boots of one emulated board, in turns."""
    site = default_site()
    place = site.places[0]
    image = initrd_shell(load_board_type(place.board_type).console_args)
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    with LabSession(site) as session, tempfile.TemporaryDirectory(prefix="bootlab-bench-") as folder:
        session.assign(place, image.plan)
        board = session.board(place.name)
        boot_seconds(board, image)  # does not count
        for number in range(count):
            for name in sorted(NAMES, reverse=bool(number % 2)):
                path = Path(folder) / f"{number}.pcapng"
                cable = session.interface(place)
                capture = recording(session.sandbox, cable, place.mac, path, "bench")
                with capture if name == "with" else nullcontext():
                    times[name].append(boot_seconds(board, image))
    return "boot, power-on to shell", times["without"], times["with"]


def rack(way: str, options: argparse.Namespace) -> Row:
    """Racks of two services that are alike, one of them recorded, in turns."""
    options = argparse.Namespace(**{**vars(options), "way": way})
    with tempfile.TemporaryDirectory(prefix="bootlab-bench-") as name, ExitStack() as stack:
        servers = []
        for net, what in enumerate(NAMES, 77):
            folder = Path(name) / what
            folder.mkdir()
            make_files(folder, options)
            server = Server(what, *stack.enter_context(our_server(folder, net, options)))
            servers.append(server)
            if what == "with":
                stack.enter_context(recorded(server, folder / "pcap"))
        results = measure(servers, options)
        bytes_recorded = sum(file.stat().st_size for file in (Path(name) / "with" / "pcap").iterdir())
    for rows in results.values():
        if any(row["up"] != options.machines for row in rows):
            sys.exit("not all machines came up: the times say nothing")
    print(f"recorded by {way}: {bytes_recorded / 1e6:.1f} MB")
    without, recorded_times = ([row["seconds"] for row in results[what]] for what in NAMES)
    return f"rack of {options.machines}, {options.size} MiB by {way.upper()}", without, recorded_times


@contextmanager
def recorded(server: Server, folder: Path) -> Iterator[None]:
    capture = [sys.executable, "-m", "pxe.capture", "server", str(folder), "--rack"]
    with process([*inside(server.net.server), *capture]):
        yield


def markdown(rows: list[Row]) -> str:
    lines = [
        "|  | without, s: median (lowest-highest) | with | with / without |",
        "| --- | --- | --- | --- |",
    ]
    for name, *both in rows:
        told = [f"{statistics.median(times):.2f} ({min(times):.2f}-{max(times):.2f})" for times in both]
        ratio = statistics.median(both[1]) / statistics.median(both[0])
        lines.append(f"| {name} | {told[0]} | {told[1]} | {ratio:.3f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
