"""`python -m lab.testing.updaters FILE`: simulated nodes against the update servers of that file.

With --virtual the servers' own code is driven in virtual time, in this process; else the running server is
asked over HTTP, with the clients' time sped up.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from lab.errors import LabError
from lab.testing.updaters import live, virtual
from lab.testing.updaters.fleet import Fleet, make_fleet
from lab.testing.updaters.steps import Chances, Life
from lab.updates.config import read_settings
from lab.updates.payloads import hash_payloads, packages
from lab.updates.router import Router
from lab.updates.settings import Settings
from lab.updates.state import State
from lab.updates.store import Store


def main() -> None:
    """Read the options, run, print what the clients saw as JSON."""
    options = _options()
    try:
        settings = read_settings(options.file)
        chances = Chances(download=options.download_fails, boot=options.boot_fails, lost=options.lost)
        fleet = make_fleet(settings, options.flatcar, options.coreos, chances, download=not options.virtual)
        began = time.monotonic()
        drive = _virtual if options.virtual else _live
        requests = drive(settings, fleet, options)
    except LabError as exc:
        sys.exit(f"{exc}")
    took = time.monotonic() - began
    seen = {"requests": requests, "took_seconds": round(took, 1), **fleet.seen()}
    print(json.dumps(seen, indent=2))  # noqa: T201


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.testing.updaters", description=__doc__)
    parser.add_argument("file", type=Path, help="the update servers' file")
    parser.add_argument("--flatcar", type=int, default=0, metavar="N", help="nodes of Flatcar")
    parser.add_argument("--coreos", type=int, default=0, metavar="N", help="nodes of Fedora CoreOS")
    parser.add_argument("--virtual", action="store_true", help="in virtual time, without a server")
    parser.add_argument("--hours", type=float, default=24.0, help="how long, in the nodes' time")
    parser.add_argument("--speed", type=float, default=600.0, help="the nodes' seconds to one of ours")
    parser.add_argument("--connections", type=int, default=64, help="to the server, at once")
    for what in ("download-fails", "boot-fails", "lost"):
        parser.add_argument(f"--{what}", type=float, default=0.0, metavar="P", help="how often, 0 to 1")
    return parser.parse_args()


def _virtual(settings: Settings, fleet: Fleet, options: argparse.Namespace) -> int:
    files = hash_payloads(settings.apps, settings.state, print)
    with contextlib.closing(Store(settings.state)) as store:
        state, now = State(settings, packages(settings.apps, files, settings.url), store), time.time()
        state.load(now)
        store.describe(state.announce(now))
        return virtual.run(fleet.lives(), Router(state), store, now, options.hours * 3600)


def _live(settings: Settings, fleet: Fleet, options: argparse.Namespace) -> int:
    pool = live.Pool(settings.url, options.connections)

    async def run(lives: Iterable[Life]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(options.hours * 3600 / options.speed):
                await live.run(lives, pool, options.speed)
        await pool.close()

    asyncio.run(run(fleet.lives()))
    return pool.requests


if __name__ == "__main__":
    main()
