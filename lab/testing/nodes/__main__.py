"""`python -m lab.testing.nodes --count 100 --folder fleet`: simulated nodes until Ctrl-C.

The folder gets `ca.crt`, `ca.key`, `talosconfig` and `nodes.txt`, which a rollout's plan file names.
"""

import argparse
import asyncio
import gc
import signal
import subprocess
import sys
from pathlib import Path

import uvloop

from lab.errors import LabError
from lab.rollout.driver import GARBAGE
from lab.testing.nodes.behaviour import Behaviour, Fault
from lab.testing.nodes.fleet import FleetSettings, authority_of, running, write_files


def main() -> None:
    """Run the fleet, or one process's part of it."""
    options = _options()
    if options.processes > 1:
        sys.exit(_spread(options))
    try:
        uvloop.run(_run(_settings(options), options.total or options.count))
    except LabError as exc:
        sys.exit(f"lab.testing.nodes: {exc}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.testing.nodes", description="Simulated nodes.")
    parser.add_argument("--count", type=int, default=10, help="how many nodes (10)")
    parser.add_argument("--folder", type=Path, default=Path("fleet"), help="for keys and lists (fleet)")
    parser.add_argument("--first", default="127.1.0.1", help="the first node's address (127.1.0.1)")
    parser.add_argument("--port", type=int, default=50000, help="TCP port of the API (50000)")
    parser.add_argument("--resolver", default="127.0.0.1", help="the DNS server they begin with (127.0.0.1)")
    parser.add_argument("--dns-port", type=int, default=53, help="the port at which they ask DNS (53)")
    parser.add_argument("--seed", type=int, default=0, help="which nodes are how (0)")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND=SHARE",
        help=f"a share of nodes with a fault, like gone=0.01; kinds: {', '.join(Fault)}",
    )
    parser.add_argument("--processes", type=int, default=1, help="spread them over so many processes (1)")
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--total", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _settings(options: argparse.Namespace) -> FleetSettings:
    faults = {}
    for text in options.fault:
        kind, _, share = text.partition("=")
        try:
            faults[Fault(kind)] = float(share)
        except ValueError:
            sys.exit(f"--fault {text}: write KIND=SHARE with a kind of {', '.join(Fault)}, like gone=0.01")
    return FleetSettings(
        folder=options.folder,
        count=options.count,
        start=options.start,
        first=options.first,
        port=options.port,
        resolver=options.resolver,
        dns_port=options.dns_port,
        behaviour=Behaviour(options.seed, faults=faults),
    )


async def _run(settings: FleetSettings, total: int) -> None:
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    if settings.start == 0:
        write_files(settings, total)
    async with running(settings):
        gc.collect()
        gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
        gc.freeze()  # what lives now lives on: no collection shall look at 10,000 nodes again
        last = settings.address(settings.start + settings.count - 1)
        print(f"{settings.count} nodes answer: {settings.address(settings.start)} to {last}", flush=True)  # noqa: T201
        await over.wait()


def _spread(options: argparse.Namespace) -> int:
    """Run several of us; they end with us."""
    authority_of(options.folder)  # before two of them make one
    share = -(-options.count // options.processes)
    children = []
    for start in range(0, options.count, share):
        count = min(share, options.count - start)
        own = [
            "--count",
            str(count),
            "--start",
            str(start),
            "--total",
            str(options.count),
            "--processes",
            "1",
        ]
        argv = [sys.executable, "-m", "lab.testing.nodes", *sys.argv[1:], *own]
        children.append(subprocess.Popen(argv))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _end(children))
    return max(child.wait() for child in children)


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()


if __name__ == "__main__":
    main()
