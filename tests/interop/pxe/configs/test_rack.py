"""A whole boot's exchanges in a network of its own: firmware's DHCP, script, kernel's DHCP, config.

The machines are BusyBox's udhcpc (as firmware, then as the kernel's) and curl, in namespaces of their own.
"""

import json
import shutil
import signal
import sqlite3
import sys

import psutil
import pytest
from dhcp_network import Network
from service_running import eventually, has_ended

from lab.errors import SandboxError
from lab.netboot import BootService
from lab.sandbox import Sandbox
from pxe.events import ConfigDelivered, ConfigRefused, DhcpReceived

pytestmark = [pytest.mark.interop]

BOARD, OTHER = "52:54:00:00:01:01", "52:54:00:00:01:02"
SECRET = "#cloud-config\npassword: of-the-board\n"
AS_FIRMWARE = "-V PXEClient:Arch:00007:UNDI:003016 -x 0x5d:0007"
SCRIPT = "http://10.99.0.1/pxelinux.cfg/default"


@pytest.fixture(scope="module")
def sandbox():
    if shutil.which("busybox") is None or shutil.which("curl") is None:
        pytest.skip("busybox with udhcpc, or curl, is not here: apt-get install busybox-static curl")
    try:
        sandbox = Sandbox.create()
    except SandboxError as exc:
        pytest.skip(f"no sandbox here: {exc}")
    with sandbox:
        yield sandbox


class Rack(Network):
    """`bootlab serve` with its real ports, and machines."""

    def start(self):
        (self.folder / "kernel").write_bytes(b"kernel")
        (self.folder / "user-data").write_text(SECRET)
        config = {"kind": "nocloud", "file": "user-data", "secret": True}
        plan = {"kernel": {"path": "kernel"}, "cmdline": "ds=nocloud;s={config}", "configs": [config]}
        service = {
            "interface": self.sandbox.bridge,
            "address": str(self.sandbox.interface),
            "dhcp": {"pool": {"start": "10.99.0.100", "end": "10.99.0.150"}},
            "tftp": {},
            "http": {},
            "api": {"socket": str(self.folder / "api.sock")},
            "state": str(self.folder / "state"),
        }
        machines = [{"mac": mac, "plan": "p"} for mac in (BOARD, OTHER)]
        site = {"service": service, "plans": {"p": plan}, "machines": machines}
        (self.folder / "lab.yaml").write_text(json.dumps(site))
        self.server = self.run([sys.executable, "-m", "lab", "serve", "-c", str(self.folder / "lab.yaml")])
        self.server.line_with("ready:")
        return self

    def api(self):
        return BootService(self.folder / "api.sock")

    def seen(self, kind):
        with self.api() as client:
            return [e for _, e in client.events(0) if isinstance(e, kind)]

    def board(self, mac):
        """A shell on the machine; `dhcp` makes an exchange, with udhcpc's options."""
        shell = self.machine(mac, "sh")
        shell.type(f"dhcp() {{ busybox udhcpc -f -q -n -i eth0 -t 5 -T 2 -s {self.udhcpc_script} $*; }}")
        return shell

    def kill_worker(self):
        """kill -9, and wait for the next one."""
        with self.api() as client:
            old = client._object("/health")["worker_pid"]
        (process,) = [p for p in self.tree() if self.inner_pid(p) == old]
        process.send_signal(signal.SIGKILL)
        eventually(lambda: has_ended(process))
        with self.api() as client:
            client.wait_ready(30)

    def tree(self):
        mine = [p for p in psutil.process_iter() if str(self.folder / "lab.yaml") in " ".join(_argv(p))]
        return [p for p in mine if "serve" in _argv(p)]

    def inner_pid(self, process):
        """The pid that the process has in the innermost namespace."""
        with open(f"/proc/{process.pid}/status") as status:
            return next(int(line.split()[-1]) for line in status if line.startswith("NSpid:"))

    def boots_on_disk(self):
        with sqlite3.connect(self.folder / "state" / "state.sqlite") as db:
            return {mac: json.loads(body) for mac, body in db.execute("SELECT mac, body FROM boots")}


def _argv(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def rack(sandbox, tmp_path):
    rack = Rack(sandbox, tmp_path)
    yield rack.start()
    rack.end()


def dhcp(board, options=""):
    board.type(f"dhcp {options}")
    line = board.line_with("bound ip=")
    return dict(word.split("=", 1) for word in line.split()[1:])["ip"]


def script(board):
    """The URL of the configs that the machine's script tells it."""
    board.type(f"curl -s --max-time 20 {SCRIPT}")
    return board.line_with("ds=nocloud;s=").partition(";s=")[2].split()[0]


def status(board, url, name="user-data"):
    board.type(f"echo status=$(curl -s --max-time 20 -o /dev/null -w '%{{http_code}}' {url}{name})")
    return board.line_with("status=").partition("=")[2]


def boot(board):
    dhcp(board, AS_FIRMWARE)
    url = script(board)
    dhcp(board)  # the kernel's, which ends no token
    return url


def test_a_boot_another_machine_and_the_next_boot(rack):
    board, other = rack.board(BOARD), rack.board(OTHER)
    first = boot(board)
    assert status(board, first) == "200"
    boot(other)
    assert status(other, first) == "403"
    assert status(board, first) == "200", "an installer that asks twice"
    dhcp(board)  # the running system renews its lease
    assert script(board) == first, "and a program on it gets no fresh token"
    second = boot(board)
    assert second != first
    assert status(board, first) == "404"
    assert status(board, second) == "200"
    delivered = eventually(lambda: (found := rack.seen(ConfigDelivered)) and len(found) == 3 and found)
    assert {event.mac for event in delivered} == {BOARD}
    assert len(rack.seen(ConfigRefused)) == 2
    assert {event.firmware for event in rack.seen(DhcpReceived)} == {"uefi-pxe", "os"}


def test_killed_between_each_two_steps(rack):
    board = rack.board(BOARD)
    dhcp(board, AS_FIRMWARE)
    eventually(lambda: (rack.boots_on_disk().get(BOARD) or {}).get("seen"))
    rack.kill_worker()
    url = script(board)
    rack.kill_worker()
    dhcp(board)
    rack.kill_worker()
    assert status(board, url) == "200"


def test_an_operating_system_that_boots_by_itself_gets_no_secret(rack):
    board = rack.board(BOARD)
    dhcp(board)
    assert status(board, script(board)) == "403"
    (refused,) = eventually(lambda: rack.seen(ConfigRefused))
    assert "none was seen" in refused.reason
