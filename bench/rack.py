"""Measures a rack's start, from our service and from dnsmasq with nginx, side by side in one run.

    python -m bench.rack [--rounds N] [--machines 42] [--size 64] [--way http|tftp] [--markdown FILE]
    python -m bench.rack --machines 500 --size 1       # all of them must start

Each machine: DHCP in four messages, a loader of 600 KiB by TFTP, a boot script, a kernel of `--size` MiB, the
last two by HTTP or by TFTP. All machines begin at once; the time is until the last one has all. Servers and
machines are in network namespaces of their own, one pair of veth for each server; one client
(bench/rack_client.py) plays all machines. In each round each server gets the rack in turn, in another order.
"""

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.http import process
from bench.namespace import enter_namespace
from lab.testing.firmware.kinds import seats
from lab.testing.firmware.service import RACK_INTERFACE, Net, inside, own_network, serve, site

MIB = 1 << 20
LOADER = 600 * 1024
SCRIPT = "boot.ipxe"


@dataclass(frozen=True)
class Server:
    """A server, the network `net` of bench.rack, and what gives its resident bytes."""

    name: str
    net: Net
    memory: Callable[[], int]


def main() -> None:
    options = parse()
    enter_namespace("bench.rack")
    for tool in ("nginx", "dnsmasq", "nsenter"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed: apt-get install nginx-light dnsmasq-base util-linux")
    with tempfile.TemporaryDirectory(prefix="bootlab-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        make_files(folder, options)
        servers = [
            Server("bootlab", *stack.enter_context(our_server(folder, 77, options))),
            Server("dnsmasq + nginx", *stack.enter_context(their_servers(folder, 78, options))),
        ]
        results = measure(servers, options)
    table = markdown(results, options)
    print(table)
    if options.markdown:
        options.markdown.write_text(table)
    failed = sum(options.machines - r["up"] for r in results["bootlab"])
    print(f"{'reached' if not failed else 'MISSED'}: {failed} machines of ours failed to start")
    for result in (result for rows in results.values() for result in rows if result["failed"]):
        print(f"  {result['failed']}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--machines", type=int, default=42)
    parser.add_argument("--size", type=int, default=64, help="MiB of the kernel")
    parser.add_argument("--way", choices=("http", "tftp"), default="http")
    parser.add_argument(
        "--windowsize", type=int, default=8, help="what the machines ask for; dnsmasq ignores it"
    )
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    return parser.parse_args()


def make_files(folder: Path, options: argparse.Namespace) -> None:
    root = folder / "root"
    root.mkdir()
    block = random.Random(0).randbytes(MIB)
    with (root / "kernel").open("wb") as file:
        for _ in range(options.size):
            file.write(block)
    # A plan's kernel must be one: the header of a bzImage, boot protocol 2.15 with an EFI stub
    with (root / "kernel").open("r+b") as file:
        file.seek(0x1FE)
        file.write(b"\x55\xaa\xeb\x66HdrS\x0f\x02")
    (root / "loader.efi").write_bytes(block[:LOADER])
    (root / SCRIPT).write_text("#!ipxe\nkernel kernel console=ttyS0\nboot\n")


@contextmanager
def our_server(
    folder: Path, net: int, options: argparse.Namespace
) -> Iterator[tuple[Net, Callable[[], int]]]:
    root = folder / "root"
    plan = {"kernel": {"path": f"{root}/kernel"}, "loader": {"path": f"{root}/loader.efi"}}
    rack = seats(options.machines, ["edk2"])
    with (
        own_network(net) as network,
        serve(network, site(rack, plan, network.address, folder), folder) as run,
    ):
        main_process = psutil.Process(run.pid)
        yield network, lambda: resident([main_process, *main_process.children(recursive=True)])


@contextmanager
def their_servers(
    folder: Path, net: int, options: argparse.Namespace
) -> Iterator[tuple[Net, Callable[[], int]]]:
    """dnsmasq without its ping before each offer, and nginx as its manual tunes it for large files."""
    with own_network(net) as network:
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"daemon off; worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/nginx.log;"
            "events { worker_connections 4096; }"
            f"http {{ access_log off; sendfile on; tcp_nopush on; sendfile_max_chunk 0; {temporary}"
            f"server {{ listen 10.{net}.0.1:80; root {folder}/root; }} }}"
        )
        dnsmasq = ["dnsmasq", "--keep-in-foreground", "--port=0", "--conf-file=/dev/null", "--user=root"]
        dnsmasq += ["--interface=server", "--bind-interfaces", "--no-ping", "--dhcp-authoritative"]
        dnsmasq += [f"--dhcp-range=10.{net}.1.0,10.{net}.9.255,1h", "--dhcp-lease-max=4000"]
        dnsmasq += [f"--dhcp-leasefile={folder}/leases", "--dhcp-boot=loader.efi", "--enable-tftp"]
        dnsmasq += [f"--tftp-root={folder}/root", "--tftp-max=1000", "--log-facility=/dev/null"]
        nginx = ["nginx", "-e", f"{folder}/nginx.log", "-c", f"{folder}/nginx.conf"]
        with process([*inside(network.server), *dnsmasq]), process([*inside(network.server), *nginx]):
            time.sleep(1)
            yield network, lambda: 0


def resident(processes: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes if process.is_running())


def measure(servers: list[Server], options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """One round that does not count (caches, first pages), then those that do."""
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)
    chance = random.Random(0)
    for number in range(options.rounds + 1):
        for server in chance.sample(servers, len(servers)):
            # The kernel has one ARP table of 1024 entries for all namespaces: the 500 machines of one server
            # and the 500 of the other would not fit. Besides, machines switched on are in no table yet.
            for other in servers:
                flush = ["ip", "neigh", "flush", "dev", "server"]
                subprocess.run([*inside(other.net.server), *flush], check=True, stderr=subprocess.DEVNULL)
            result = once(server, options, number)
            result["memory"] = server.memory()
            if number:
                results[server.name].append(result)
    return {server.name: results[server.name] for server in servers}


def once(server: Server, options: argparse.Namespace, number: int) -> dict[str, Any]:
    settings = {
        "interface": RACK_INTERFACE,
        "machines": options.machines,
        "seed": number,
        "deadline": 180,
        "way": options.way,
        "windowsize": options.windowsize,
        "script": SCRIPT,
        "kernel": "kernel",
        "files": {"loader": LOADER, "kernel": options.size * MIB},
    }
    argv = [*inside(server.net.rack), sys.executable, "-m", "bench.rack_client"]
    done = subprocess.run(argv, input=json.dumps(settings), capture_output=True, text=True, timeout=300)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def markdown(results: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> str:
    lines = [
        "|  | until the last is up, s: median (lowest-highest) | up | repeats |",
        "| --- | --- | --- | --- |",
    ]
    medians = {}
    for name, rows in results.items():
        seconds = [row["seconds"] for row in rows]
        medians[name] = statistics.median(seconds)
        up = f"{min(row['up'] for row in rows)} of {options.machines}"
        times = f"{medians[name]:.2f} ({min(seconds):.2f}-{max(seconds):.2f})"
        repeats = sum((Counter(row["repeats"]) for row in rows), Counter())
        told = ", ".join(f"{count} {what}" for what, count in repeats.most_common()) or "none"
        lines.append(f"| {name} | {times} | {up} | {told} |")
    ours, theirs = medians.values()
    lines.append(f"| ours / theirs | {ours / theirs:.2f} (target: at most 1) | | |")
    memory = ", ".join(f"{row['memory'] / MIB:.0f}" for row in results["bootlab"])
    return (
        "\n".join(lines)
        + f"\n\nMemory of our service after each round, MiB (RSS, all its processes): {memory}\n"
    )


if __name__ == "__main__":
    main()
