"""Measures how soon events reach those who watch, while a rack boots.

    python -m bench.events [--machines 500] [--readers 50]

A service and a rack of simulated machines (lab.testing.firmware) in network namespaces of their own; the
readers are connections of GET /api/v1/events/stream. An event's age is the time from the packet that it tells
of (its `t_ns`) to the moment when a reader has it: one clock for all processes of a host. A DHCP message that
waits its turn in the service is old before it becomes an event; what the service sends is not.
"""

import argparse
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil

from lab.netboot import BootService
from lab.testing.firmware.__main__ import make_plan
from lab.testing.firmware.kinds import seats
from lab.testing.firmware.service import RACK_INTERFACE, inside, own_network, serve, site

_STAMP = re.compile(rb'"kind": "([a-z-]+)", "t_ns": ([0-9]+)')
_LOST = b"event: events-lost"
_REQUEST = b"GET /api/v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n"
_NET = 79


class Readers:
    """`count` streams, read in this thread."""

    def __init__(self, path: Path, count: int) -> None:
        self.ages: dict[str, list[float]] = defaultdict(list)  # by kind, in ms
        self.lost = 0
        self._poller = selectors.DefaultSelector()
        for _ in range(count):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(path))
            sock.sendall(_REQUEST)
            self._poller.register(sock, selectors.EVENT_READ)

    def read(self, seconds: float) -> None:
        """Take in what comes within `seconds`."""
        for key, _ in self._poller.select(seconds):
            assert isinstance(key.fileobj, socket.socket)
            data = key.fileobj.recv(1 << 20)
            now = time.monotonic_ns()
            self.lost += data.count(_LOST)
            for kind, stamp in _STAMP.findall(data):
                self.ages[kind.decode()].append((now - int(stamp)) / 1e6)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--machines", type=int, default=500)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--size", type=int, default=1, help="MiB of the kernel")
    options = parser.parse_args()
    kinds = ["edk2", "ipxe", "uboot", "pi4"]
    rack = seats(options.machines, kinds)
    with tempfile.TemporaryDirectory(prefix="bootlab-events-") as name, own_network(_NET) as network:
        folder = Path(name)
        described = site(rack, make_plan(folder, options.size), network.address, folder)
        with serve(network, described, folder) as running:
            argv = [*inside(network.rack), sys.executable, "-m", "lab.testing.firmware", "rack", "--json"]
            argv += ["--machines", str(options.machines), "--kinds", ",".join(kinds)]
            argv += ["--interface", RACK_INTERFACE]
            before = _memory(running.pid)
            readers = Readers(folder / "api.sock", options.readers)
            with BootService(folder / "api.sock") as service:
                while service.ask("GET", "/health")[0]["event_readers"] < options.readers:
                    readers.read(0.05)
            began = time.monotonic()
            playing = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
            while playing.poll() is None:
                readers.read(0.1)
            _print(options, readers, time.monotonic() - began, before, _memory(running.pid))
            return playing.returncode


def _print(
    options: argparse.Namespace, readers: Readers, seconds: float, before: float, after: float
) -> None:
    ages = {"all": [age for found in readers.ages.values() for age in found], **readers.ages}
    each = len(ages["all"]) / options.readers
    print(
        f"{options.machines} machines, {options.readers} readers, {seconds:.0f} s, {each:.0f} events to each"
    )
    print(f"{'ms until a reader has it':24} {'median':>8} {'p95':>8} {'p99':>8} {'longest':>8}")
    for kind, found in ages.items():
        if len(found) > 100:
            cuts = statistics.quantiles(found, n=100)
            print(f"{kind:24} {cuts[49]:8.0f} {cuts[94]:8.0f} {cuts[98]:8.0f} {max(found):8.0f}")
    print(f"told of a gap: {readers.lost} times")
    print(f"the service's memory: {before:.0f} MiB before, {after:.0f} MiB after")


def _memory(pid: int) -> float:
    """Of all processes of the service, MiB, what they share counted once."""
    service = psutil.Process(pid)
    return sum(p.memory_full_info().pss for p in [service, *service.children(recursive=True)]) / 2**20


if __name__ == "__main__":
    sys.exit(main())
