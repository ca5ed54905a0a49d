"""Measures our HTTP server against nginx, side by side in one run.

    python -m bench.http [--rounds N] [--markdown FILE]

Both serve the same file from the page cache over loopback, on ports that the kernel picked; the client is
curl, which throws the bytes away. In each round each server gets the same load in turn, in another order each
time; the medians of the rounds are compared. One download of each is compared byte for byte first.
"""

import argparse
import filecmp
import json
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.netboot import BootService

MIB = 1 << 20
CLIENT = "127.0.0.5"  # the address at which our service knows the machine
TARGET = 0.95  # of nginx, for four large files at once
SCRIPTS = 2000  # a second


@dataclass(frozen=True)
class Load:
    """`clients` at once, each fetching `downloads` times `size` bytes over one connection."""

    label: str
    file: str
    clients: int
    downloads: int


LOADS = [
    Load("1 client, 256 MiB", "large", 1, 2),
    Load("4 clients, 256 MiB each", "large", 4, 1),
    Load("8 clients, 256 MiB each", "large", 8, 1),
    Load("8 clients, 100 files of 64 KiB each", "small", 8, 100),
]
SIZES = {"large": 256 * MIB, "small": MIB // 16}


def main() -> None:
    options = parse()
    for tool in ("nginx", "curl", "ab"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed: apt-get install nginx-light curl apache2-utils")
    with tempfile.TemporaryDirectory(prefix="bootlab-bench-") as name:
        folder = Path(name)
        for file, size in SIZES.items():
            (folder / file).write_bytes(random.Random(file).randbytes(MIB) * (size // MIB or 1))
            with (folder / file).open("r+b") as opened:
                opened.truncate(size)
        with our_server(folder) as ours, nginx(folder) as theirs:
            servers = {"bootlab": ours, "nginx": theirs}
            for server, url in servers.items():
                check(server, url, folder)
            lines = [line(load, measure(load, servers, options.rounds)) for load in LOADS]
            scripts = measure_scripts(ours, options.rounds)
    head = ["", *servers, "ours / nginx"]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *lines]) + "\n"
    print(table)
    if options.markdown:
        options.markdown.write_text(table)
    reached = float(lines[1][-1]) >= TARGET
    print(
        f"{'reached' if reached else 'MISSED'}: {LOADS[1].label}: {lines[1][-1]} times nginx, wanted {TARGET}"
    )
    for label, rates in scripts.items():
        rate = statistics.median(rates)
        word = "reached" if rate >= SCRIPTS else "MISSED"
        print(f"{word}: {label}: {rate:.0f} a second ({min(rates):.0f}-{max(rates):.0f}), wanted {SCRIPTS}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    return parser.parse_args()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


@contextmanager
def process(argv: list[str]) -> Iterator[None]:
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


@contextmanager
def our_server(folder: Path) -> Iterator[str]:
    port, api = free_port(), folder / "api.sock"
    site = {
        "service": {
            **{"interface": "lo", "address": "127.0.0.1/8", "http": {"port": port}},
            **{"api": {"socket": str(api)}, "state": str(folder / "state")},
        },
        "plans": {
            "p": {"kernel": {"path": str(folder / "large")}, "files": [{"path": str(folder / "small")}]}
        },
        "machines": [{"mac": "52:54:00:00:00:01", "ip": CLIENT, "plan": "p"}],
    }
    (folder / "lab.yaml").write_text(json.dumps(site))
    with process([sys.executable, "-m", "lab", "serve", "-c", str(folder / "lab.yaml")]):
        with BootService(api) as service:
            service.wait_ready(30)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """nginx as its manual tunes it for large files: sendfile, tcp_nopush, one worker for each core."""
    port = free_port()
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/nginx.log;"
        "events { worker_connections 1024; }"
        f"http {{ access_log off; sendfile on; tcp_nopush on; sendfile_max_chunk 0; {temporary}"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}"
    )
    # as root nginx drops to another user, which must be allowed in
    folder.chmod(0o755)
    with process(["nginx", "-e", f"{folder}/nginx.log", "-c", f"{folder}/nginx.conf"]):
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    sys.exit(f"nginx did not start: {(folder / 'nginx.log').read_text()}")
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"


def curl(*arguments: str) -> list[str]:
    return ["curl", "--silent", "--show-error", "--fail", "--interface", CLIENT, *arguments]


def check(server: str, url: str, folder: Path) -> None:
    for file in SIZES:
        subprocess.run(curl("-o", str(folder / "got"), f"{url}/{file}"), check=True, timeout=60)
        if not filecmp.cmp(folder / "got", folder / file, shallow=False):
            sys.exit(f"{server} sends other bytes for {file}")


def measure(load: Load, servers: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """MB/s of each round by server."""
    found: dict[str, list[float]] = {name: [] for name in servers}
    order = list(servers)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            found[name].append(once(load, servers[name]))
    return found


def once(load: Load, url: str) -> float:
    words = [word for _ in range(load.downloads) for word in ("-o", "/dev/null", f"{url}/{load.file}")]
    began = time.monotonic()
    clients = [subprocess.Popen(curl(*words)) for _ in range(load.clients)]
    failed = [client.returncode for client in clients if client.wait(300)]
    seconds = time.monotonic() - began
    if failed:
        sys.exit(f"{url}: {len(failed)} of {load.clients} clients failed")
    return load.clients * load.downloads * SIZES[load.file] / seconds / 1e6


def measure_scripts(url: str, rounds: int) -> dict[str, list[float]]:
    """Boot scripts a second: 16 clients (ab, on the other core), with a connection for each script as most
    firmware has it, and with one for all."""
    found: dict[str, list[float]] = {}
    for label, more in (("scripts, a connection each", []), ("scripts, connections kept", ["-k"])):
        for _ in range(rounds):
            argv = ["ab", "-q", "-c", "16", "-n", "5000", "-B", CLIENT, *more, f"{url}/boot.scr.uimg"]
            done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=120).stdout
            if "Failed requests:        0" not in done or "Non-2xx" in done:
                sys.exit(f"boot scripts failed:\n{done}")
            rate = re.search(r"Requests per second:\s+([0-9.]+)", done)
            assert rate is not None
            found.setdefault(label, []).append(float(rate[1]))
    return found


def line(load: Load, found: dict[str, list[float]]) -> list[str]:
    medians = {name: statistics.median(values) for name, values in found.items()}
    cells = [f"{medians[n]:.0f} ({min(v):.0f}-{max(v):.0f})" for n, v in found.items()]
    return [load.label, *cells, f"{medians['bootlab'] / medians['nginx']:.2f}"]


if __name__ == "__main__":
    main()
