"""The DHCP servers that are measured: how each is started, with the same pool and leases that survive."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INTERFACE = "srv0"
SERVER = "10.77.0.1"
CLIENT = "10.77.0.2"
PREFIX = 16
FIRST, LAST = "10.77.8.0", "10.77.255.250"  # some 63,000 addresses
LEASES = 62_000
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bootlab" / "peers"


@dataclass(frozen=True)
class Peer:
    """A server that can be started: `files` are written into its own folder first.

    It serves once its port is bound and its log has `ready` in it.
    """

    name: str
    command: list[str]
    files: dict[str, str]
    env: dict[str, str]
    ready: str = ""


def peers(folder: Path) -> list[Peer]:
    """Ours, dnsmasq and Kea; one that is not installed is left out by its caller."""
    return [_bootlab(folder), _dnsmasq(folder), _kea(folder)]


def _bootlab(folder: Path) -> Peer:
    site = {
        "service": {
            "interface": INTERFACE,
            "address": f"{SERVER}/{PREFIX}",
            "dhcp": {"pools": [{"start": FIRST, "end": LAST}], "lease_seconds": 3600},
            "api": {"socket": str(folder / "api.sock")},
            "state": str(folder / "state"),
            "unknown": "boot",
        },
    }
    path = folder / "bootlab.yaml"
    command = [str(Path(sys.executable).with_name("bootlab")), "serve", "-c", str(path)]
    return Peer("bootlab", command, {path.name: json.dumps(site)}, {}, ready="ready: ")


def _dnsmasq(folder: Path) -> Peer:
    words = [
        *("dnsmasq", "--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--group=root"),
        *(f"--interface={INTERFACE}", "--bind-interfaces", "--no-ping", "--dhcp-authoritative"),
        *(f"--dhcp-range={FIRST},{LAST},1h", f"--dhcp-leasefile={folder / 'dnsmasq.leases'}"),
        *("--dhcp-lease-max=100000", "--quiet-dhcp", "--log-facility=/dev/null"),
    ]
    return Peer("dnsmasq", words, {}, {})


def kea_program() -> str:
    """Return Kea's DHCPv4 server: the host's, else Debian's package unpacked in a cache, never installed,
    because it would serve this network. Its libraries come with kea-admin.
    """
    found = shutil.which("kea-dhcp4")
    program = CACHE / "kea" / "usr" / "sbin" / "kea-dhcp4"
    if found is None and not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        words = ["apt-get", "download", "kea-dhcp4-server"]
        subprocess.run(words, cwd=CACHE, check=True, capture_output=True)
        package = max(CACHE.glob("kea-dhcp4-server_*.deb"))
        subprocess.run(["dpkg", "-x", package, CACHE / "kea"], check=True)
    return found or str(program)


def _kea(folder: Path) -> Peer:
    database = {"type": "memfile", "persist": True, "name": str(folder / "kea.csv"), "lfc-interval": 0}
    config = {
        "Dhcp4": {
            "interfaces-config": {"interfaces": [f"{INTERFACE}/{SERVER}"], "dhcp-socket-type": "udp"},
            "lease-database": database,
            "valid-lifetime": 3600,
            "subnet4": [{"id": 1, "subnet": f"10.77.0.0/{PREFIX}", "pools": [{"pool": f"{FIRST} - {LAST}"}]}],
            "loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "stderr"}]}],
        }
    }
    path = folder / "kea.json"
    env = {"KEA_PIDFILE_DIR": str(folder), "KEA_LOCKFILE_DIR": str(folder)}
    return Peer("kea", [kea_program(), "-c", str(path)], {path.name: json.dumps(config)}, env)


@contextmanager
def running(peer: Peer, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server and wait until its port is bound; end it at last."""
    for name, text in peer.files.items():
        (folder / name).write_text(text)
    with (folder / f"{peer.name}.log").open("wb") as log:
        process = subprocess.Popen(
            peer.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **peer.env},
        )
        try:
            _wait_until_bound(peer, process, folder)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_bound(peer: Peer, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline, log = time.monotonic() + 60, folder / f"{peer.name}.log"
    while ":0043 " not in Path("/proc/net/udp").read_text() or peer.ready not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            words = log.read_text(errors="replace")[-500:]
            raise SystemExit(f"{peer.name} does not listen on port 67 (status {process.poll()}): {words}")
        time.sleep(0.05)
    time.sleep(1.0)  # the others do not say when they serve
