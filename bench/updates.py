"""Measures the update servers: requests a second with every answer's state on disk, and memory.

    python -m bench.updates [--rounds N] [--seconds S] [--nodes 10000] [--markdown FILE]

wrk (one thread, 64 connections kept open) sends what update_engine and Zincati send, of random nodes:
Omaha checks of nodes that wait for their turn, FleetLock locks and unlocks by turns, graph queries of 30
releases. Each answer leaves after its commit to the disk. No server of these protocols is to be had here
(Nebraska is Go with PostgreSQL, airlock Go with etcd; neither is in Debian, on PyPI or npm), so beside ours
stands what cannot be passed: nginx with one worker that gives an answer of the same size from memory, and
reads, decides and stores nothing. In each round each server gets each load in turn.
"""

import argparse
import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.http import free_port, process
from lab.testing.updaters.flatcar import Flatcar
from lab.testing.updaters.running import Running
from lab.testing.updaters.steps import Ask, Witness

WANTED = 2000  # a second
MEMORY_MIB = 32  # by which it may grow between the first round and the last
RELEASES = 30
PROTOCOLS = ("Omaha", "FleetLock", "Cincinnati")


def main() -> None:
    options = parse()
    for tool in ("nginx", "wrk"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed: apt-get install nginx-light wrk")
    with tempfile.TemporaryDirectory(prefix="bootlab-bench-") as name:
        folder = Path(name)
        scripts = write_scripts(folder, options.nodes)
        with Running(write_settings(folder, options.nodes)) as ours:
            bodies = answers(ours.url)
            with nginx(folder, bodies) as theirs:
                servers = {"bootlab": dict.fromkeys(PROTOCOLS, ours.url), "nginx": theirs}
                found, memory = measure(servers, scripts, ours, options)
    report(found, memory, options)


def report(
    found: dict[tuple[str, str], list[float]], memory: list[float], options: argparse.Namespace
) -> None:
    rows = [["", "bootlab, a second", "nginx from memory", "ours / nginx", "99 % within"]]
    missed = []
    for protocol in PROTOCOLS:
        ours, theirs = found[protocol, "bootlab"], found[protocol, "nginx"]
        ratio = statistics.median(ours) / statistics.median(theirs)
        late = statistics.median(found[protocol, "p99 ms"])
        rows.append([protocol, spread(ours), spread(theirs), f"{ratio:.2f}", f"{late:.0f} ms"])
        if statistics.median(ours) < WANTED:
            missed.append(protocol)
    rows.insert(1, ["---"] * len(rows[0]))
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
    print(table)
    if options.markdown:
        options.markdown.write_text(table)
    for protocol in PROTOCOLS:
        word = "MISSED" if protocol in missed else "reached"
        print(f"{word}: {protocol}: {spread(found[protocol, 'bootlab'])} a second, wanted {WANTED}")
    grown = memory[-1] - memory[0]
    word = "reached" if grown < MEMORY_MIB else "MISSED"
    print(f"{word}: memory {memory[0]:.0f} MiB after the first round, {memory[-1]:.0f} after the last")
    sys.exit(int(bool(missed) or grown >= MEMORY_MIB))


def measure(
    servers: dict[str, dict[str, str]], scripts: dict[str, Path], ours: Running, options: argparse.Namespace
) -> tuple[dict[tuple[str, str], list[float]], list[float]]:
    """Rates by protocol and server, latencies of ours, and our memory in MiB after each round."""
    found: dict[tuple[str, str], list[float]] = {}
    memory = []
    for _ in range(options.rounds):
        for protocol in PROTOCOLS:
            order = list(servers)
            random.shuffle(order)
            for name in order:
                rate, late = load(servers[name][protocol], scripts[protocol], options.seconds)
                found.setdefault((protocol, name), []).append(rate)
                if name == "bootlab":
                    found.setdefault((protocol, "p99 ms"), []).append(late)
        memory.append(ours.memory() / 2**20)
    return found, memory


def load(url: str, script: Path, seconds: int) -> tuple[float, float]:
    """Requests a second, and the milliseconds within which 99 % were answered."""
    argv = ["wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-s", str(script), url]
    said = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    if "Socket errors" in said or ("Non-2xx" in said and "lock" not in script.name):
        sys.exit(f"{url}: {said}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    late = re.search(r"99%\s+([0-9.]+)(us|ms|s)", said)
    assert rate is not None
    assert late is not None
    return float(rate[1]), float(late[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[late[2]]


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


def write_settings(folder: Path, nodes: int) -> Path:
    """A tenth of the nodes may update at once, half may reboot: both answers are given."""
    (folder / "update.gz").write_bytes(bytes(1 << 16))
    releases = [
        {
            "version": f"43.{number}.3.0",
            "checksums": {"aarch64": f"{number:064x}", "x86_64": f"{number + 100:064x}"},
            **({"rollout": {"start_percent": 100}} if number == RELEASES - 1 else {}),
        }
        for number in range(RELEASES)
    ]
    omaha = {
        "payloads": [{"version": "4700.1.0", "file": "update.gz"}],
        "channels": {"stable": {"version": "4700.1.0"}},
        "groups": {"stable": {"channel": "stable", "max_concurrent": max(1, nodes // 10)}},
    }
    path = folder / "updates.yaml"
    path.write_text(
        json.dumps(
            {
                "listen": f"127.0.0.1:{free_port()}",
                "omaha": {"flatcar": omaha},
                "cincinnati": {"stable": {"releases": releases}},
                "fleetlock": {"default": {"slots": max(1, nodes // 2)}},
            }
        )
    )
    return path


def write_scripts(folder: Path, nodes: int) -> dict[str, Path]:
    """wrk's request functions: the machine's number is drawn anew for each."""
    life = Flatcar(0, "4593.2.4", "stable", Witness()).life()
    next(life)
    step = life.send(None)
    assert isinstance(step, Ask)
    # %q of Lua is not needed: what is replaced are 32 zeros, and ]] does not occur
    omaha = f"[[{step.body.decode()}]]"
    node = f'string.format("%032x", math.random({nodes}))'
    texts = {
        "Omaha": f"""
            local body = {omaha}
            local zeros = string.rep("0", 32)
            request = function()
              local text = string.gsub(body, zeros, {node})
              return wrk.format("POST", "/v1/update/", {{["Content-Type"]="text/xml"}}, text)
            end""",
        "FleetLock": f"""
            request = function()
              local path = math.random(2) == 1 and "/v1/pre-reboot" or "/v1/steady-state"
              local body = '{{"client_params":{{"id":"' .. {node} .. '","group":"default"}}}}'
              return wrk.format("POST", path, {{["fleet-lock-protocol"]="true"}}, body)
            end""",
        "Cincinnati": f"""
            request = function()
              local path = "/v1/graph?basearch=aarch64&os_version=43.0.3.0&group=default&platform=metal" ..
                "&stream=stable&os_checksum=" .. string.rep("0", 64) .. "&node_uuid=" .. {node}
              return wrk.format("GET", path, {{["Accept"]="application/json"}})
            end""",
    }
    found = {}
    for protocol, text in texts.items():
        found[protocol] = folder / f"{protocol.lower()}.lua"
        found[protocol].write_text(text)
    return found


def answers(url: str) -> dict[str, str]:
    """What ours says, for nginx to say it, too."""
    omaha = (
        '<request protocol="3.0"><app appid="{0}" track="stable" machineid="x"><updatecheck/></app></request>'
    )
    params = {"basearch": "aarch64", "stream": "stable"}
    return {
        "Omaha": httpx.post(f"{url}/v1/update/", content=omaha, timeout=60).text,
        "FleetLock": "",
        "Cincinnati": httpx.get(f"{url}/v1/graph", params=params, timeout=60).text,
    }


@contextmanager
def nginx(folder: Path, bodies: dict[str, str]) -> Iterator[dict[str, str]]:
    """A server for each body."""
    ports = {protocol: free_port() for protocol in bodies}
    parts = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for protocol, port in ports.items():
        if len(bodies[protocol]) < 4000:  # the longest word of its configuration
            quoted = bodies[protocol].replace("\\", "\\\\").replace('"', '\\"')
            says = f'return 200 "{quoted}";'
        else:
            (folder / protocol).write_text(bodies[protocol])
            says = f"try_files /{protocol} =404;"
        parts += f"server {{ listen 127.0.0.1:{port}; root {folder}; location / {{ {says} }} }}\n"
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;"
        "events { worker_connections 1024; }"
        "http { access_log off; sendfile on; open_file_cache max=9; keepalive_requests 1000000000;"
        f"{parts} }}"
    )
    folder.chmod(0o755)
    urls = {protocol: f"http://127.0.0.1:{port}" for protocol, port in ports.items()}
    with process(["nginx", "-e", f"{folder}/nginx.log", "-c", f"{folder}/nginx.conf"]):
        deadline = time.monotonic() + 10
        while True:
            try:
                httpx.get(urls["Omaha"], timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    sys.exit(f"nginx did not start: {(folder / 'nginx.log').read_text()}")
                time.sleep(0.05)
        yield urls


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each load in each round")
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
