"""The TFTP servers that are measured: how each is started, all on one loopback network of their own."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

PORT = 69  # dnsmasq takes no other
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bootlab" / "peers"
TFTPY = """
import logging, sys, tftpy
logging.disable(logging.CRITICAL)
tftpy.TftpServer(sys.argv[1]).listen(sys.argv[2], int(sys.argv[3]))
"""


@dataclass
class Server:
    """A running server. `process` is its first process; it may fork others."""

    name: str
    version: str
    address: str
    process: subprocess.Popen[bytes]

    def processes(self) -> list[psutil.Process]:
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def cpu_seconds(self) -> float | None:
        """Processor time so far, of ended children too; None for tftpd-hpa, which ignores SIGCHLD."""
        if self.name == "tftpd-hpa":
            return None
        times = [process.cpu_times() for process in self.processes()]
        first = times[0]
        return sum(t.user + t.system for t in times) + first.children_user + first.children_system

    def pin(self, cpus: list[int]) -> None:
        for process in self.processes():
            for thread in process.threads():
                os.sched_setaffinity(thread.id, cpus)


def fetch_hpa() -> str:
    """Return the path of tftpd-hpa's program: Debian's package unpacked in a cache, never installed.

    It conflicts with atftpd, whose package has an in.tftpd of its own.
    """
    program = CACHE / "tftpd-hpa" / "usr" / "sbin" / "in.tftpd"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "tftpd-hpa"], cwd=CACHE, check=True, capture_output=True)
        package = max(CACHE.glob("tftpd-hpa_*.deb"))
        subprocess.run(["dpkg", "-x", package, CACHE / "tftpd-hpa"], check=True)
    return str(program)


def commands(root: Path, hpa: str | None) -> dict[str, tuple[list[str], list[str]]]:
    """Name -> (command, command that prints the version); `@` stands for the address."""
    python = sys.executable
    ours = "from lab.cli.tftp import tftp; tftp()"
    table = {
        "bootlab": (
            [python, "-c", ours, str(root), "--listen", f"@:{PORT}"],
            [python, "-c", "import importlib.metadata as m; print('bootlab', m.version('bootlab'))"],
        ),
        "dnsmasq": (
            [
                "dnsmasq",
                "--no-daemon",
                "--port=0",
                "--conf-file=/dev/null",
                "--bind-interfaces",
                "--user=root",
                "--listen-address=@",
                "--enable-tftp",
                f"--tftp-root={root}",
                "--tftp-max=1000",
            ],
            ["dnsmasq", "--version"],
        ),
        "atftpd": (
            [
                "atftpd",
                "--daemon",
                "--no-fork",
                "--port",
                str(PORT),
                "--bind-address",
                "@",
                "--maxthread",
                "1000",
                "--user",
                "root.root",
                "--logfile",
                "/dev/null",
                str(root),
            ],
            ["atftpd", "--version"],
        ),
        "tftpy": (
            [python, "-c", TFTPY, str(root), "@", str(PORT)],
            [python, "-c", "import importlib.metadata as m; print('tftpy', m.version('tftpy'))"],
        ),
    }
    if hpa is not None:
        table["tftpd-hpa"] = (
            [
                hpa,
                "--foreground",
                "--ipv4",
                "--address",
                f"@:{PORT}",
                "--user",
                "root",
                "--secure",
                str(root),
            ],
            [hpa, "--version"],
        )
    return table


def is_listening(address: str) -> bool:
    """Whether a socket is bound to `address`:PORT; asking nothing of the server."""
    octets = bytes(int(part) for part in address.split("."))
    wanted = f"{int.from_bytes(octets, sys.byteorder):08X}:{PORT:04X}"
    return wanted in Path("/proc/net/udp").read_text()


@contextmanager
def running(root: Path) -> Iterator[list[Server]]:
    """Start every server that is installed; all stay up, only the one that is measured has work."""
    try:
        hpa: str | None = fetch_hpa()
    except (OSError, subprocess.CalledProcessError) as exc:
        print(f"tftpd-hpa left out: {exc}", file=sys.stderr)
        hpa = None
    with ExitStack() as stack:
        servers = []
        for number, (name, (command, version)) in enumerate(commands(root, hpa).items(), start=1):
            if shutil.which(command[0]) is None:
                print(f"{name} left out: {command[0]} is not installed", file=sys.stderr)
                continue
            address = f"192.0.2.{number}"
            argv = [part.replace("@", address) for part in command]
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(end, process)
            wait_until_listening(name, process, address)
            servers.append(Server(name, first_line(version), address, process))
        yield servers


def wait_until_listening(name: str, process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 20
    while not is_listening(address):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{name} does not listen on {address}:{PORT} (status {process.poll()})")
        time.sleep(0.05)


def first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return ((done.stdout or done.stderr).strip().splitlines() or ["?"])[0][:60]


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
