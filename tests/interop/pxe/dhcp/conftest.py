"""Our DHCP server in a private network namespace, and machines with network namespaces of their own."""

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import SandboxError
from lab.sandbox import Sandbox
from pxe.boot.leases import Lease
from pxe.state import LeaseStore, open_state

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
SECONDS = 30.0

# What udhcpc calls at every change: configure eth0, and say what came.
UDHCPC_SCRIPT = r"""#!/bin/sh
case $1 in
bound | renew) busybox ip address replace "$ip/$mask" dev eth0
    [ -z "$router" ] || busybox ip route replace default via "$router" ;;
deconfig) busybox ip address flush dev eth0 ;;
esac
echo "$1 ip=$ip mask=$mask router=$router siaddr=$siaddr serverid=$serverid" \
    "boot_file=$boot_file bootfile=$bootfile lease=$lease"
"""


class Process:
    """A process in the sandbox whose lines of output can be awaited."""

    def __init__(self, sandbox: Sandbox, argv: list[str]) -> None:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        env = {**os.environ, "PYTHONPATH": path}
        pipe = subprocess.PIPE
        self.process = sandbox.spawn(argv, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=env)
        self.seen: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line.decode(errors="replace").rstrip())
        self._lines.put(None)

    def next_line(self, seconds: float = SECONDS) -> str:
        """The next line; fails with all that was seen where none comes."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            line = None
        if line is None:
            pytest.fail("nothing more came from " + " ".join(self.process.args) + "\n" + "\n".join(self.seen))
        self.seen.append(line)
        return line

    def line_with(self, text: str) -> str:
        """The next line that contains `text`."""
        deadline = time.monotonic() + SECONDS
        while text not in (line := self.next_line(deadline - time.monotonic())):
            pass
        return line

    def type(self, text: str) -> None:
        """Write a line to its standard input."""
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def end(self, how: str = "terminate") -> int:
        getattr(self.process, how)()
        status = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        self.process.close_streams()
        return status


class Server(Process):
    """Our server; its lines are events."""

    def __init__(self, sandbox: Sandbox, settings: dict[str, Any], wrapper: list[str]) -> None:
        self.state_dir = Path(settings["state_dir"])
        super().__init__(sandbox, [*wrapper, sys.executable, str(HERE / "serve.py"), json.dumps(settings)])
        self.event("service-ready")

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next event of that kind with those fields."""
        deadline = time.monotonic() + SECONDS
        while True:
            line = self.next_line(deadline - time.monotonic())
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("kind") == kind and fields.items() <= event.items():
                return event

    def event_of_any_kind(self) -> dict[str, Any]:
        """The next event."""
        while not (line := self.next_line()).startswith("{"):
            pass
        return json.loads(line)

    def leases(self) -> dict[str, Lease]:
        """What is on disk, by MAC."""
        engine = open_state(self.state_dir)
        try:
            return {lease.mac: lease for lease in LeaseStore(engine).load()}
        finally:
            engine.dispose()


class Network:
    """Starts servers and machines in one sandbox, and ends them all."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.udhcpc_script = folder / "udhcpc.sh"
        self.udhcpc_script.write_text(UDHCPC_SCRIPT)
        self.udhcpc_script.chmod(0o755)
        self._running: list[Process] = []
        self._undo: list[str] = []

    def serve(
        self,
        machines: dict[str, str | None],
        *,
        lease_seconds: int = 3600,
        pool: tuple[str, str] = ("10.99.0.100", "10.99.0.150"),
        wrapper: list[str] | None = None,
        state_dir: Path | None = None,
        **more: Any,
    ) -> Server:
        settings = {
            "interface": self.sandbox.bridge,
            "address": str(self.sandbox.interface),
            "pool": pool,
            "lease_seconds": lease_seconds,
            "state_dir": str(state_dir or self.folder / "state"),
            "machines": machines,
            "bootfile": "boot.scr.uimg",
            **more,
        }
        return self._keep(Server(self.sandbox, settings, wrapper or []))

    def run(self, command: list[str]) -> Process:
        """Run a command in the server's own namespace."""
        return self._keep(Process(self.sandbox, command))

    def machine(self, mac: str, *command: str, bridge: str = "") -> Process:
        """Run a command as the machine of that MAC."""
        return self.host([f"{bridge or self.sandbox.bridge},{mac}"], *command)

    def host(self, cables: list[str], *command: str) -> Process:
        """Run a command on a host with those cables, as lab.testing.plugged wants them."""
        plug = [sys.executable, "-m", "lab.testing.plugged", *cables]
        return self._keep(Process(self.sandbox, [*plug, *command]))

    def bridge(self, name: str, address: str = "") -> str:
        """Make one more network, for the time of the test; with `address` we are in it."""
        script = f"ip link add {name} type bridge && ip link set {name} up"
        script += f" && ip address add {address} dev {name}" if address else ""
        self.shell(script)
        self._undo.append(f"ip link delete {name}")
        return name

    def undo_at_end(self, script: str) -> None:
        """Run a line of the shell when the test is over."""
        self._undo.append(script)

    def shell(self, script: str) -> None:
        """Run a line in the server's own namespace, to its end."""
        done = self.sandbox.run(["sh", "-c", script], timeout=SECONDS)
        assert done.returncode == 0, done.stderr

    def udhcpc(self, mac: str, *options: str, bridge: str = "") -> Process:
        words = ["busybox", "udhcpc", "-f", "-i", "eth0", "-s", str(self.udhcpc_script), "-t", "5", "-T", "2"]
        return self.machine(mac, *words, *options, bridge=bridge)

    def _keep(self, process: Any) -> Any:
        self._running.append(process)
        return process

    def end(self) -> None:
        for process in reversed(self._running):
            process.end("kill")
        for script in reversed(self._undo):
            self.sandbox.run(["sh", "-c", script], timeout=SECONDS)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    try:
        sandbox = Sandbox.create()
    except SandboxError as exc:
        pytest.skip(f"no sandbox here: {exc}")
    with sandbox:
        yield sandbox


@pytest.fixture
def network(sandbox: Sandbox, tmp_path: Path) -> Iterator[Network]:
    network = Network(sandbox, tmp_path)
    yield network
    network.end()


@pytest.fixture(scope="session")
def udhcpc() -> None:
    busybox = shutil.which("busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True).stdout if busybox else ""
    if "udhcpc" not in applets.split():
        pytest.skip("busybox with udhcpc is not here: apt-get install busybox-static")


@pytest.fixture(scope="session")
def dhclient() -> str:
    path = shutil.which("dhclient") or shutil.which("/sbin/dhclient")
    if path is None:
        pytest.skip("ISC dhclient is not here: apt-get install isc-dhcp-client")
    return path
