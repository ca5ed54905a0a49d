"""Measures a rollout to simulated nodes: N nodes get another DNS server, and each must ask it.

    python -m bench.rollout [--sizes 10,100,1000] [--gates both|resolves] [--faulty 0.01]

`--sizes 10,100,1000,10000` for all of the issue's; 10,000 nodes take some minutes and 400 MB. The driver is
one process, the nodes (lab.testing.nodes: the code that answers in refos, over TLS, on an address each)
another, the two DNS servers are a third and fourth: all share this host's cores, in a network namespace.

One connection a node: read its configuration, apply the patched one, wait until the log of the new DNS
server shows its query, and until the node says that it is ready (`--gates both`). p99 is from the line in the
journal that a node's change begins to its last gate, with 64 nodes under way. A second table has nodes that
never ask.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.namespace import enter_namespace
from lab.testing.nodes import newdns

MIB = 1 << 20
OLD, NEW = "127.0.0.1", "127.0.0.53"
START_SECONDS = 600.0


def main() -> None:
    options = _options()
    enter_namespace("bench.rollout")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    print(f"{psutil.cpu_count()} cores, Python {sys.version.split()[0]}, gates: {options.gates}\n")
    print("| nodes | seconds | nodes/s | p50, p99 of a node, s | kB a node | driver, fleet: CPU ms a node |"
          " driver's RSS at 10, 50, 100 %, MiB | fleet's RSS, MiB | failures |")  # fmt: skip
    print("|---" * 9 + "|")
    for size in options.sizes:
        print(healthy(size, options), flush=True)
    if options.faulty:
        share = f"{options.faulty:.0%}"
        print(f"\nWith {share} of the nodes mute; halt at half of them, revert all:\n")
        print("| nodes | halted after, s | nodes changed until then | failed | reverted | not reverted |"
              " reverting took, s | nodes with the old server |")  # fmt: skip
        print("|---" * 8 + "|")
        for size in options.sizes:
            if size * options.faulty >= 1:
                print(faulty(size, options), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="rollouts to simulated nodes")
    parser.add_argument("--sizes", default="10,100,1000", help="numbers of nodes (10,100,1000)")
    parser.add_argument("--gates", choices=("both", "resolves"), default="both", help="what is waited for")
    parser.add_argument("--concurrency", type=int, default=64, help="nodes under way at once (64)")
    parser.add_argument("--faulty", type=float, default=0.01, help="share of mute nodes (0.01); 0: no table")
    parser.add_argument("--processes", type=int, default=1, help="of the fleet (1)")
    options = parser.parse_args()
    options.sizes = [int(size) for size in options.sizes.split(",")]
    return options


def healthy(size: int, options: argparse.Namespace) -> str:
    with fleet(size, options) as (folder, processes):
        bytes_, cpu = loopback_bytes(), cpu_of(processes)
        found = roll(folder, options, limit=size, seconds=120)
        bytes_, cpu = loopback_bytes() - bytes_, cpu_of(processes) - cpu
        memory = sum(process.memory_info().rss for process in processes)
        asked = newdns.asked(folder / "new.jsonl")
    assert found["phase"] == "done", found
    assert len(asked) == found["counts"]["done"] == size - found["failed"], "each must ask the new server"
    rss = ", ".join(f"{value / MIB:.0f}" for value in found["rss"])
    return (
        f"| {size} | {found['seconds']:.2f} | {size / found['seconds']:.0f} | {found['median']:.3f}, "
        f"{found['p99']:.3f} | {bytes_ / size / 1000:.1f} | {found['cpu'] / size * 1e3:.1f}, "
        f"{cpu / size * 1e3:.1f} | {rss} | {memory / MIB:.0f} | {found['failed']} |"
    )


def faulty(size: int, options: argparse.Namespace) -> str:
    with fleet(size, options, "--fault", f"mute={options.faulty}") as (folder, _):
        limit = max(1, int(size * options.faulty / 2))
        found = roll(folder, options, limit=limit, seconds=2)
        config = "\n".join(state_of(folder))
    if found["phase"] == "done":  # the seed gave so few that it did not halt
        return f"| {size} | - | {found['touched']} | {found['failed']} | 0 | 0 | - | - |"
    counts = found["counts"]
    return (
        f"| {size} | {found['halted']:.2f} | {found['touched']} | {found['failed']} | {counts['reverted']} | "
        f"{counts['stuck']} | {found['seconds'] - found['halted']:.2f} | {config} |"
    )


@contextmanager
def fleet(
    size: int, options: argparse.Namespace, *others: str
) -> Iterator[tuple[Path, list[psutil.Process]]]:
    """Nodes and DNS servers that run in a folder of their own; yields it, and the fleet's processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "patch.yaml").write_text(newdns.patch(NEW))
        lab = [sys.executable, "-m", "lab"]
        running = [
            start([*lab, "dns", "--listen", f"{OLD}:53", "--log", "old.jsonl"], folder, "DNS answers"),
            start([*lab, "dns", "--listen", f"{NEW}:53", "--log", "new.jsonl"], folder, "DNS answers"),
        ]
        argv = [sys.executable, "-m", "lab.testing.nodes", "--count", str(size), *others]
        try:
            running.append(start([*argv, "--processes", str(options.processes)], folder, "nodes answer"))
            process = psutil.Process(running[-1].pid)
            yield folder, [process, *process.children(recursive=True)]
        finally:
            for started in reversed(running):
                started.send_signal(signal.SIGTERM)
            for started in running:
                started.wait()


def start(argv: list[str], folder: Path, ready: str) -> subprocess.Popen[str]:
    """Start a process and wait for the line that says it is ready."""
    process = subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment())
    assert process.stdout is not None
    if ready not in process.stdout.readline():
        sys.exit(f"{argv[2]} did not start")
    return process


def environment() -> dict[str, str]:
    paths = (str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def roll(folder: Path, options: argparse.Namespace, *, limit: int, seconds: float) -> dict[str, Any]:
    gates = newdns.resolves(seconds) + (newdns.ready() if options.gates == "both" else "")
    steps = f"canary: 1, batches: [1%, 100%], concurrency: {options.concurrency}"
    plan = newdns.plan(steps, gates=gates, more=f"halt: {{failures: {limit}}}\nrevert: all\n")
    (folder / "plan.yaml").write_text(plan)
    argv = [sys.executable, "-m", "bench.rollout_driver", "plan.yaml"]
    done = subprocess.run(argv, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("the driver failed")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def state_of(folder: Path) -> list[str]:
    """How many nodes answer, and how many of them have the old server, asked once more by a dry run."""
    argv = [sys.executable, "-m", "lab", "rollout", "plan.yaml", "--dry-run", "--json"]
    done = subprocess.run(argv, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True)
    verdicts = [one["verdict"] for one in json.loads(done.stdout)]
    return [f"{verdicts.count('change')} of {len(verdicts)}"]


def cpu_of(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(time.user + time.system for time in times)


def loopback_bytes() -> int:
    (line,) = (
        line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:")
    )
    return int(line.partition(":")[2].split()[0])


if __name__ == "__main__":
    main()
