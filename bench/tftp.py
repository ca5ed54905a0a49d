"""Measures our TFTP server against dnsmasq, tftpd-hpa, atftpd and tftpy's, side by side in one run.

    python -m bench.tftp [--quick] [--rounds N] [--json FILE] [--markdown FILE]

All servers are up at once on addresses of one loopback, in a network namespace of their own (no root
service is touched; without root in a user namespace). In each round each server gets the same load in turn,
in another order each time; the medians of the rounds are compared. Every byte that arrives is compared.
"""

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from rich.console import Console
from rich.table import Table

from bench.namespace import enter_namespace
from bench.tftp_client import Load, compile_load_client, real_clients, run_load, run_real
from bench.tftp_peers import Server, running

MIB = 1 << 20
LOADS = [
    Load("16 clients, blksize 1468", 1468, 1, 16, 2 * MIB, 4, target=1.3),
    Load("32 clients, blksize 512", 512, 1, 32, MIB // 2, 4, target=1.1),
    Load("16 clients, windowsize 16", 1468, 16, 16, 2 * MIB, 6, target=2.0),
    Load("16 clients, windowsize 64", 1468, 64, 16, 2 * MIB, 6, target=2.0),
    Load("300 clients at once, blksize 1468", 1468, 1, 300, MIB // 4, 1),
    Load("1 client, blksize 1468", 1468, 1, 1, 8 * MIB, 1),
    Load("1 client, windowsize 16", 1468, 16, 1, 16 * MIB, 1),
    Load("1 client, on the server's core", 1468, 1, 1, 8 * MIB, 1, one_core=True),
]
QUICK = 4
Row = dict[str, list[dict[str, Any]]]  # server -> a result for each round


def main() -> None:
    options = parse()
    enter_namespace("bench.tftp")
    if options.priority:
        os.nice(-19)
    with IPRoute() as network:
        lo = network.link_lookup(ifname="lo")[0]
        network.link("set", index=lo, state="up")
        for number in range(1, 10):  # addresses that look like a network's: tftpd-hpa takes no 127.0.0.x here
            network.addr("add", index=lo, address=f"192.0.2.{number}", prefixlen=32)
    with tempfile.TemporaryDirectory(prefix="bootlab-bench-") as folder:
        os.chmod(folder, 0o755)
        report = measure(Path(folder), options, options.rounds or (3 if options.quick else 7))
    Console(width=150).print(table(report))
    for line in verdicts(report):
        print(line)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1))
    if options.markdown:
        options.markdown.write_text(markdown(report))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tftp", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="about 30 seconds: smaller files, 3 rounds, no tftpy"
    )
    parser.add_argument("--rounds", type=int, help="rounds of each row (default 7, quick 3)")
    parser.add_argument(
        "--priority", action="store_true", help="root, on a busy host: nice -19 for all, alike"
    )
    parser.add_argument("--without", action="append", default=[], help="leave a server out, by name")
    parser.add_argument("--json", type=Path, default=Path("results/bench-tftp.json"), help="all figures")
    parser.add_argument("--markdown", type=Path, help="the table for docs/performance.md")
    return parser.parse_args()


def measure(folder: Path, options: argparse.Namespace, rounds: int) -> dict[str, Any]:
    left_out = {*options.without, *(["tftpy"] if options.quick else [])}
    rows: dict[str, Row] = {}
    program = compile_load_client(folder)
    root = folder / "root"
    root.mkdir()
    with running(root) as servers:
        used = [server for server in servers if server.name not in left_out]
        for load in LOADS:
            size = load.size // QUICK if options.quick else load.size
            file = make_file(root, size)
            rows[load.label] = alternate(used, rounds, lambda s, f=file, o=load: run_load(program, s, f, o))
        file = make_file(root, MIB if options.quick else 4 * MIB)
        for name, command in real_clients().items():
            rows[name] = alternate(used, rounds, lambda s, c=command, f=file: run_real(c, s, f))
        versions = {server.name: server.version for server in used}
    return {"schema": 1, "machine": machine(), "rounds": rounds, "versions": versions, "rows": rows}


def alternate(servers: list[Server], rounds: int, run: Callable[[Server], dict[str, Any]]) -> Row:
    """One round that does not count (caches, first pages), then `rounds` that do, each in another order."""
    row: Row = defaultdict(list)
    chance = random.Random(0)
    for number in range(rounds + 1):
        for server in chance.sample(servers, len(servers)):
            result = run(server)
            if number:
                row[server.name].append(result)
    return {server.name: row[server.name] for server in servers}


def make_file(root: Path, size: int) -> Path:
    path = root / f"file-{size}"
    if not path.exists():
        path.write_bytes(random.Random(size).randbytes(size))
    return path


def machine() -> dict[str, Any]:
    models = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def rate(row: Row, name: str) -> float:
    return statistics.median(result["rate"] for result in row[name])


def ratio(row: Row) -> tuple[float, str]:
    """Ours over the best peer, and which that is."""
    best = max((name for name in row if name != "bootlab"), key=lambda name: rate(row, name))
    return rate(row, "bootlab") / (rate(row, best) or float("nan")), best


def cell(results: list[dict[str, Any]]) -> str:
    failed = sum(result["failed"] + result["wrong"] for result in results)
    text = f"{statistics.median(r['rate'] for r in results):.1f}"
    low, high = min(r["rate"] for r in results), max(r["rate"] for r in results)
    text += f" ({low:.0f}-{high:.0f})"
    if results[0].get("server_us") is not None:
        text += f" {statistics.median(r['server_us'] for r in results):.1f}us"
    return text + (f" {failed} FAILED" if failed else "")


def cells(report: dict[str, Any]) -> list[list[str]]:
    lines = []
    for label, row in report["rows"].items():
        times, best = ratio(row)
        lines.append([label, *(cell(row[name]) for name in report["versions"]), f"{times:.2f} x {best}"])
    return lines


def table(report: dict[str, Any]) -> Table:
    result = Table(
        "",
        *report["versions"],
        "ours / best peer",
        title="TFTP: MB/s, median (lowest-highest), server CPU a block",
    )
    for line in cells(report):
        result.add_row(*line)
    return result


def markdown(report: dict[str, Any]) -> str:
    head = ["", *report["versions"], "ours / best peer"]
    lines = [head, ["---"] * len(head), *cells(report)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def verdicts(report: dict[str, Any]) -> list[str]:
    """Each target of the project, and whether this run reached it."""
    lines = []
    rows = report["rows"]
    for load in LOADS:
        if load.target is not None:
            times, best = ratio(rows[load.label])
            word = "reached" if times >= load.target else "MISSED"
            lines.append(f"{word}: {load.label}: {times:.2f} times {best}, wanted {load.target}")
    crowd = rows[LOADS[4].label]["bootlab"]
    failed = sum(result["failed"] for result in crowd)
    lines.append(f"{'MISSED' if failed else 'reached'}: 300 clients at once: {failed} downloads failed")
    shared = rows[LOADS[7].label]
    if "dnsmasq" in shared:
        times = rate(shared, "bootlab") / rate(shared, "dnsmasq")
        lines.append(
            f"{'reached' if times >= 0.75 else 'MISSED'}: one core: {times:.2f} times dnsmasq, wanted 0.75"
        )
    return lines


if __name__ == "__main__":
    main()
