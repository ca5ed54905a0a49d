"""A real `bootlab serve` in a process of its own, on loopback ports that the kernel picked."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from lab.netboot import BootService

MAC = "52:54:00:00:00:01"
MACHINE = "127.0.0.5"  # where its client binds
READY_SECONDS = 30.0
WAIT_MS = 30_000  # for what comes in an instant where nobody else uses the host


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Running:
    """The service in `folder`; the machine MAC is at MACHINE and boots plan `p` (kernel: `kernel`)."""

    def __init__(self, folder: Path, *, kernel: Path, api_port: int | None = None, script: str | None = None):
        self.folder, self.kernel = folder, kernel
        self.http_port, self.tftp_port = free_port(), free_port(socket.SOCK_DGRAM)
        self.api_socket = folder / "api.sock"
        self.api = self.api_socket if api_port is None else f"http://127.0.0.1:{api_port}"
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.events_file = folder / "events.jsonl"
        self._log = folder / "service.log"
        self._script = script
        (folder / "public").mkdir(exist_ok=True)
        (folder / "public" / "all.txt").write_text("for everybody")
        site = {
            "service": {
                "interface": "lo",
                "address": "127.0.0.1/8",
                "tftp": {"port": self.tftp_port, "root": str(folder / "public")},
                "http": {"port": self.http_port},
                "api": {"socket": str(self.api_socket)} if api_port is None else {"port": api_port},
                "state": str(folder / "state"),
            },
            "plans": {
                "p": {
                    "kernel": {"name": "vmlinuz", "path": str(kernel)},
                    "cmdline": "console=ttyAMA0",
                    "texts": {"preseed.cfg": "mirror {server}\n"},
                }
            },
            "machines": [{"mac": MAC, "ip": MACHINE, "plan": "p"}],
        }
        self.site = folder / "lab.yaml"
        self.site.write_text(json.dumps(site))
        self.new_group = False
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def start(self) -> "Running":
        self.launch()
        with self.client() as client:
            client.wait_ready(READY_SECONDS)
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        how = ["-m", "lab"] if self._script is None else ["-c", self._script]
        argv = [sys.executable, *how, "serve", "-c", str(self.site), "--events", str(self.events_file)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=self.new_group)
        return self.process

    def client(self) -> BootService:
        return BootService(self.api)

    def master(self) -> psutil.Process:
        assert self.process is not None
        (master,) = psutil.Process(self.process.pid).children()
        return master

    def worker(self) -> psutil.Process:
        (worker,) = self.master().children()
        return worker

    def tree(self) -> list[psutil.Process]:
        assert self.process is not None
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def stop(self, sig: int = signal.SIGTERM) -> int:
        """Send `sig`, return the exit code; nothing of the service may be left after it."""
        assert self.process is not None
        tree = self.tree() if self.process.poll() is None else []
        self.process.send_signal(sig)
        code = self.process.wait(30)
        assert [p for p in tree[1:] if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
        return code

    def kill(self) -> None:
        """Whatever state it is in: leave no process behind."""
        if self.process is None or self.process.poll() is not None:
            return
        for process in reversed(self.tree()):
            process.kill()
        self.process.wait(30)


def has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more, reaped or not; it may go between two looks at it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def eventually(check, seconds=20.0):
    """Return what `check` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, f"{check} never came true"
        time.sleep(0.02)
    return found


def sparse(path: Path, size: int) -> Path:
    """A file of `size` bytes in which every megabyte is different, without writing them all.

    It says that it is an arm64 kernel, as `Documentation/arch/arm64/booting.rst` has it.
    """
    with path.open("wb") as file:
        file.truncate(size)
        for at in range(0, size, 1 << 20):
            file.seek(at)
            file.write(at.to_bytes(8, "big"))
        if size > 0x3C:
            file.seek(0x38)
            file.write(b"ARMd")
    return path


def syscall_numbers(pid: int) -> set[int]:
    """The system calls that the threads of a process are blocked in at this instant."""
    found = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            word = Path(f"/proc/{pid}/task/{task}/syscall").read_text().split()[0]
        except OSError:
            continue
        if word.isdigit():
            found.add(int(word))
    return found
