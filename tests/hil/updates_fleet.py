"""10,000 simulated nodes through a staged update over HTTP, while the server is killed ten times.

    python tests/hil/updates_fleet.py [--flatcar 8000] [--coreos 2000] [--kills 10] [--speed 120] [--hours 12]

Nodes of Flatcar and Fedora CoreOS (lab.testing.updaters) do in minutes what takes hours; some downloads break
off, some new versions do not boot, some nodes never come back. At the end two counts must be within limits
at every moment: the record's, and the one that the nodes made themselves. Exit code 1: they were not.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

from lab.testing.updaters import live
from lab.testing.updaters.fleet import Fleet, make_fleet
from lab.testing.updaters.running import Running
from lab.testing.updaters.scene import write_file
from lab.testing.updaters.steps import Chances
from lab.updates.config import read_settings
from lab.updates.record import Record, check_limits
from lab.updates.timing import attempts, statistics

LIMITS = {"omaha/flatcar/stable": 500, "fleetlock/default": 50}


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="bootlab-updates-") as name:
        file = write_file(Path(name))
        text = file.read_text().replace("max_concurrent: 5", "max_concurrent: 500")
        file.write_text(text.replace("slots: 3", "slots: 50, lease_seconds: 60, tolerate_lost: 1000"))
        settings = read_settings(file)
        chances = Chances(download=0.05, boot=0.03, lost=0.003)
        fleet = make_fleet(settings, options.flatcar, options.coreos, chances)
        began = time.monotonic()
        seen = asyncio.run(run(file, fleet, options))
        seen["took_seconds"] = round(time.monotonic() - began, 1)
        seen |= fleet.seen()
        with contextlib.closing(Record(settings.state)) as record:
            kept = check_limits(record.events())
            summaries = statistics(attempts(record.events()))
    seen["record"] = {
        label: {"limit": k.limit, "most": k.most, "given": k.taken, "broken": k.broken}
        for label, k in kept.items()
    }
    seen["median_seconds_at_this_speed"] = {" / ".join(key): s.median for key, s in summaries.items()}
    print(json.dumps(seen, indent=2))
    sys.exit(int(not within(seen)))


def within(seen: dict) -> bool:
    """Whether both counts kept the limits, and something happened at all."""
    return all(
        not seen["record"][label]["broken"]
        and 0 < seen["record"][label]["most"] <= limit
        and 0 < seen["most_at_once"][label] <= limit
        for label, limit in LIMITS.items()
    )


async def run(file: Path, fleet: Fleet, options: argparse.Namespace) -> dict:
    """Drive them, and kill the server now and then."""
    seconds = options.hours * 3600 / options.speed
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Running(file))
        file.write_text(file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{server.port}"))
        pool = live.Pool(server.url, options.connections)
        driver = asyncio.create_task(live.run(fleet.lives(), pool, options.speed))
        memory = []
        for _ in range(options.kills):
            await asyncio.sleep(seconds / (options.kills + 1))
            memory.append(server.memory() >> 20)
            server.kill()
            server = stack.enter_context(Running(file))
        await asyncio.sleep(seconds / (options.kills + 1))
        memory.append(server.memory() >> 20)
        driver.cancel()
        await asyncio.wait([driver])
        await pool.close()
    return {
        "requests": pool.requests,
        "unanswered": pool.failures,
        "kills": options.kills,
        "server_mib": memory,
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flatcar", type=int, default=8000)
    parser.add_argument("--coreos", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--speed", type=float, default=120.0)
    parser.add_argument("--hours", type=float, default=12.0)
    parser.add_argument("--connections", type=int, default=64)
    return parser.parse_args()


if __name__ == "__main__":
    main()
