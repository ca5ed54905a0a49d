"""Two network namespaces with a cable, and in one of them a server: for a rack that is to disturb nobody."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.netboot import BootService
from lab.testing.firmware.kinds import Seat

SERVER_MAC = "02:00:00:00:00:01"
RACK_INTERFACE = "rack"
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Net:
    """The server's address, and its namespace and that of its machines, each by a process in it."""

    address: str
    server: int
    rack: int


@contextmanager
def own_network(net: int) -> Iterator[Net]:
    """Two namespaces with a cable: `server` (10.NET.0.1/16) in one, `rack` in the other. dnsmasq takes port
    67 of a whole namespace, so each server has its own. Needs root in the present user namespace."""
    here = os.stat("/proc/self/ns/net").st_ino
    holders = [subprocess.Popen(["unshare", "-n", "sleep", "infinity"]) for _ in range(2)]
    try:
        for holder in holders:
            while os.stat(f"/proc/{holder.pid}/ns/net").st_ino == here:
                time.sleep(0.01)
        server, rack = (holder.pid for holder in holders)
        for command in (
            f"link add server address {SERVER_MAC} type veth peer name {RACK_INTERFACE} netns {rack}",
            f"address add 10.{net}.0.1/16 dev server",
            "link set server up",
            "link set lo up",
        ):
            subprocess.run([*inside(server), "ip", *command.split()], check=True)
        subprocess.run([*inside(rack), "ip", "link", "set", RACK_INTERFACE, "up"], check=True)
        yield Net(f"10.{net}.0.1", server, rack)
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def inside(pid: int) -> list[str]:
    """The words that run a command in the network namespace of a process."""
    return ["nsenter", "-t", str(pid), "-n", "--"]


def site(
    seats: Sequence[Seat], plan: dict[str, Any], network: str, folder: Path, **service: Any
) -> dict[str, Any]:
    """A site file with a plan for all machines of a rack; `service` replaces its settings."""
    first, second = network.split(".")[:2]
    settings = {
        **{"interface": "server", "address": f"{network}/16", "tftp": {}, "http": {}},
        **{"api": {"socket": str(folder / "api.sock")}, "state": str(folder / "state")},
        "dhcp": {"pool": {"start": f"{first}.{second}.1.0", "end": f"{first}.{second}.9.255"}},
        **service,
    }
    machines = [
        {"mac": seat.mac, "name": f"{seat.kind}-{seat.number}", "plan": "p"}
        for seat in seats
        if seat.fault != _UNKNOWN
    ]
    return {"service": settings, "plans": {"p": plan}, "machines": machines}


@contextmanager
def serve(network: Net, described: dict[str, Any], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Our service in the server's namespace, ready; its log is printed where it does not get so."""
    (folder / "lab.yaml").write_text(json.dumps(described))
    argv = [*inside(network.server), sys.executable, "-m", "lab", "serve", "-c", str(folder / "lab.yaml")]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=log)
    try:
        with BootService(folder / "api.sock") as service:
            service.wait_ready(30)
        yield running
    except Exception:
        sys.stderr.write((folder / "log").read_text()[-2000:])
        raise
    finally:
        running.terminate()
        running.wait(30)
