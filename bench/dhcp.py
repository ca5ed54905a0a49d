"""Measures our DHCP server against dnsmasq and Kea with Kea's perfdhcp, side by side in one run.

    python -m bench.dhcp [--rounds N] [--seconds S] [--json FILE] [--markdown FILE] [--only NAME ...]

Root alone: two network namespaces joined by a veth, the servers in one and perfdhcp, as a relay's clients, in
the other. In each round each server starts with an empty lease database and gets the same load in turn, in
another order each time: first 2000 exchanges a second, where none may be lost; then each of 4 rates, and
rates between the best of these and its neighbours. The best completed rate counts, whatever was lost at it.
Each keeps its leases on disk as it is built to: ours waits for the disk before each ACK, dnsmasq and Kea do
not.
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.dhcp_peers import CLIENT, INTERFACE, LEASES, PREFIX, SERVER, Peer, peers, running
from bench.namespace import enter_namespace

RATES = (1000, 4000, 8000, 12000)
FINER = 3  # more rates beside the best one
STEADY = 2000
COLUMNS = (
    "server",
    "exchanges/s, best load",
    f"at {RATES[-1]}/s offered",
    f"unanswered at {STEADY}/s",
    "of these lost by perfdhcp",
    "CPU us an answer",
)
_SENT = re.compile(r"sent packets: (\d+)")
_RECEIVED = re.compile(r"received packets: (\d+)")


def main() -> None:
    options = parse()
    if os.geteuid() != 0:
        sys.exit("bench.dhcp needs root: perfdhcp takes port 67 in a network namespace of its own")
    enter_namespace("bench.dhcp")
    for program in ("perfdhcp", "ip"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed: apt-get install kea-admin iproute2")
    other = make_network()
    try:
        report = measure(options, other)
    finally:
        other.terminate()
        other.wait()
    Console(width=120).print(table(report))
    for line in verdicts(report):
        print(line)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1))
    if options.markdown:
        options.markdown.write_text(markdown(report))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.dhcp", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--seconds", type=int, default=4, help="seconds of each load (default 4)")
    parser.add_argument("--only", action="append", default=[], help="measure this server alone, by name")
    parser.add_argument("--json", type=Path, default=Path("results/bench-dhcp.json"), help="all figures")
    parser.add_argument("--markdown", type=Path, help="the table for docs/performance.md")
    return parser.parse_args()


def make_network() -> subprocess.Popen[bytes]:
    """Make the veth; return the process that holds the other namespace."""
    other = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
    mine = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{other.pid}/ns/net") == mine:
        time.sleep(0.01)
    words = f"link add {INTERFACE} type veth peer name cli0 netns {other.pid}"
    run(["ip", *words.split()])
    for where, name, address in ((None, INTERFACE, SERVER), (other.pid, "cli0", CLIENT)):
        inside = ["nsenter", "-t", str(where), "-n"] if where else []
        run([*inside, "ip", "addr", "add", f"{address}/{PREFIX}", "dev", name])
        run([*inside, "ip", "link", "set", name, "up"])
    run(["ip", "link", "set", "lo", "up"])
    return other


def run(argv: list[str]) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def measure(options: argparse.Namespace, other: subprocess.Popen[bytes]) -> dict[str, Any]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="bootlab-bench-", dir="/var/tmp") as name:
            names = [peer.name for peer in peers(Path(name))]
        random.shuffle(names)
        for name in names:
            if options.only and name not in options.only:
                continue
            rows.setdefault(name, []).append(one_round(name, options.seconds, other))
    return {"schema": 1, "rounds": options.rounds, "seconds": options.seconds, "rows": rows}


def one_round(name: str, seconds: int, other: subprocess.Popen[bytes]) -> dict[str, Any]:
    """All loads against one server; each with an empty database."""
    loads: dict[int, dict[str, Any]] = {}
    for rate in (STEADY, *RATES):
        loads[rate] = load(name, rate, seconds, other)
    for _ in range(FINER):
        rate = next_rate({rate: entry["completed_per_second"] for rate, entry in loads.items()})
        loads[rate] = load(name, rate, seconds, other)
    best = max(entry["completed_per_second"] for entry in loads.values())
    return {"best_per_second": best, "loads": {f"{rate}/s": entry for rate, entry in sorted(loads.items())}}


def next_rate(completed: dict[int, int]) -> int:
    """The rate to try next: in the middle of the wider gap beside the one that completed most."""
    rates = sorted(completed)
    at = rates.index(max(rates, key=lambda rate: completed[rate]))
    below, best, above = rates[max(at - 1, 0)], rates[at], rates[min(at + 1, len(rates) - 1)]
    return (best + above) // 2 if above - best >= best - below else (below + best) // 2


def load(name: str, rate: int, seconds: int, other: subprocess.Popen[bytes]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bootlab-bench-", dir="/var/tmp") as text:
        folder = Path(text)
        peer = next(peer for peer in peers(folder) if peer.name == name)
        if shutil.which(peer.command[0]) is None:
            sys.exit(f"{peer.command[0]} is not installed")
        with running(peer, folder) as process:
            before = cpu_seconds(process)
            entry = perfdhcp(peer, rate, seconds, other)
            used = cpu_seconds(process) - before
        answers = max(entry["offers"] + entry["acks"], 1)
        return {**entry, "cpu_us_per_answer": round(used / answers * 1e6, 1)}


def cpu_seconds(server: subprocess.Popen[bytes]) -> float:
    """Processor time of a server and its processes, in the kernel and outside."""
    first = psutil.Process(server.pid)
    times = [process.cpu_times() for process in (first, *first.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def perfdhcp(peer: Peer, rate: int, seconds: int, other: subprocess.Popen[bytes]) -> dict[str, Any]:
    clients = min(LEASES, rate * seconds * 2)
    argv = ["nsenter", "-t", str(other.pid), "-n", "perfdhcp", "-4", "-r", str(rate), "-R", str(clients)]
    argv += ["-p", str(seconds), "-W", "1000000", "-g", "multi", "-l", "cli0", SERVER]
    before = overflowed(other)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 60)
    sent, received = _SENT.findall(done.stdout), _RECEIVED.findall(done.stdout)
    if len(sent) < 2 or len(received) < 2:
        raise SystemExit(f"perfdhcp said nothing of use against {peer.name}: {done.stdout}{done.stderr}")
    return {
        "offered_per_second": round(int(sent[0]) / seconds),
        "completed_per_second": round(int(received[1]) / seconds),
        "discovers": int(sent[0]),
        "offers": int(received[0]),
        "requests": int(sent[1]),
        "acks": int(received[1]),
        "dropped": int(sent[0]) - int(received[0]) + int(sent[1]) - int(received[1]),
        "lost_by_perfdhcp": overflowed(other) - before,
    }


def overflowed(other: subprocess.Popen[bytes]) -> int:
    """Answers that came to perfdhcp's socket while it was full: it holds some 270; none can enlarge it."""
    argv = ["nsenter", "-t", str(other.pid), "-n", "cat", "/proc/net/snmp"]
    shown = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    names, values = (line.split() for line in shown.splitlines() if line.startswith("Udp:"))
    return int(dict(zip(names, values, strict=True))["RcvbufErrors"])


def medians(report: dict[str, Any]) -> dict[str, float]:
    return {
        name: statistics.median(entry["best_per_second"] for entry in rounds)
        for name, rounds in report["rows"].items()
    }


def cost(report: dict[str, Any], name: str) -> float:
    """Processor time of an OFFER or ACK in us at the best rate of each round, median."""
    best = [
        max(entry["loads"].values(), key=lambda load: load["completed_per_second"])["cpu_us_per_answer"]
        for entry in report["rows"][name]
    ]
    return statistics.median(best)


def steady(report: dict[str, Any], name: str, what: str) -> int:
    """Messages at the steady rate, in all rounds: "dropped" had no answer that perfdhcp saw."""
    return sum(entry["loads"][f"{STEADY}/s"][what] for entry in report["rows"][name])


def table(report: dict[str, Any]) -> Table:
    shown = Table(*COLUMNS, title="DHCP, perfdhcp")
    for row in cells(report):
        shown.add_row(*row)
    return shown


def markdown(report: dict[str, Any]) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS), *cells(report)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def cells(report: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, best in medians(report).items():
        every = [entry["best_per_second"] for entry in report["rows"][name]]
        speed = f"{best:.0f} ({min(every)}-{max(every)})"
        flood = statistics.median(
            entry["loads"][f"{RATES[-1]}/s"]["completed_per_second"] for entry in report["rows"][name]
        )
        lost = [str(steady(report, name, what)) for what in ("dropped", "lost_by_perfdhcp")]
        yield name, speed, f"{flood:.0f}", *lost, f"{cost(report, name):.0f}"


def verdicts(report: dict[str, Any]) -> list[str]:
    found = medians(report)
    ours = found.get("bootlab")
    if ours is None:
        return []
    wanted = [("dnsmasq", 10.0), ("kea", 1.0)]
    lines = []
    for peer, factor in wanted:
        if peer in found:
            ratio = ours / max(found[peer], 1)
            word = "reached" if ratio >= factor else "MISSED"
            lines.append(f"{word}: {ratio:.2f} of {peer}, wanted {factor}")
    lost, overflow = (steady(report, "bootlab", what) for what in ("dropped", "lost_by_perfdhcp"))
    word = "reached" if lost == 0 else "MISSED"
    lines.append(f"{word}: {lost} unanswered at {STEADY}/s ({overflow} of them lost by perfdhcp), wanted 0")
    return lines


if __name__ == "__main__":
    main()
