"""The example of docs/rollout.md on three emulated boards: other DNS servers, one board after the other.

Each board boots refos from its disk. What counts as "it resolves" is the log of the lab's own DNS server.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.clients.talos.certs import CertificateAuthority
from lab.config import load_site
from lab.refos.build.disk import disk_image
from lab.refos.build.image import Request, build
from lab.refos.guest.linux.store import pack
from lab.session import LabSession
from lab.testing.nodes import newdns
from pxe.plan import Action, BootPlan

pytestmark = [pytest.mark.hil, pytest.mark.timeout(900)]

OLD, NEW = "10.99.0.1", "10.99.0.53"
BOARDS = {f"rack{n}": f"10.99.0.{20 + n}" for n in (1, 2, 3)}
LAB = """service:
  interface: br0
  address: 10.99.0.1/24
  dhcp: {pool: {start: 10.99.0.100, end: 10.99.0.199}}
  tftp: {}
  http: {}
places:
"""
PLACE = """  {name}:
    board: qemu-virt-arm64
    mac: 52:54:00:aa:09:0{n}
    ip: {ip}
    power: {{qemu: {{memory: 768, watchdog: true, disks: [{{path: {disk}}}]}}}}
    console: {{qemu: {{}}}}
    power_off_seconds: 0
"""
PLAN = newdns.plan(
    "canary: 1, batches: [100%]",
    nodes="rack: {places: [rack1, rack2, rack3]}",
    gates=newdns.ready(120) + newdns.resolves(120),
    more="lab: lab.yaml\n",
)


@dataclass
class Rack:
    """Three boards that run, and their lab."""

    folder: Path
    session: LabSession

    def lab(self, *argv):
        """Run a command of bootlab in the boards' network."""
        return self.session.sandbox.run([sys.executable, "-m", "lab", *argv], cwd=self.folder, timeout=600)

    def serve_dns(self, address, log):
        """Answer names there; everything but probe.lab.test does not exist."""
        words = ["--listen", f"{address}:53", "--record", f"probe.lab.test={OLD}", "--log", log]
        return self.session.sandbox.spawn([sys.executable, "-m", "lab", "dns", *words], cwd=self.folder)


@pytest.fixture
def rack(tmp_path):
    authority = CertificateAuthority.create("rack")
    newdns.save_talosconfig(authority, tmp_path / "talosconfig")
    image, site = build(Request(version="1")), LAB
    for n, (name, ip) in enumerate(BOARDS.items(), 1):
        disk = tmp_path / f"{name}.img"
        config = pack(newdns.node_config(name, OLD, authority))
        disk_image(disk, boot=image.boot, slots={"A": image.slot}, state={"config": config})
        site += PLACE.format(name=name, n=n, ip=ip, disk=disk)
    for name, text in (("lab.yaml", site), ("patch.yaml", newdns.patch(NEW)), ("plan.yaml", PLAN)):
        (tmp_path / name).write_text(text)
    with LabSession(load_site(tmp_path / "lab.yaml")) as session:
        boards = [session.board(name) for name in BOARDS]
        for board in boards:
            session.assign(board.place, BootPlan(name="local", action=Action.LOCAL))
        found = Rack(tmp_path, session)
        session.sandbox.run(["ip", "address", "add", f"{NEW}/24", "dev", session.sandbox.bridge])
        found.serve_dns(OLD, "old.jsonl")
        found.serve_dns(NEW, "new.jsonl")
        for board in boards:
            board.power_on()
        for board in boards:
            board.console.expect("refos: stage running", 600)
        yield found


def test_the_dns_servers_of_three_boards_are_changed_one_after_the_other(rack):
    done = rack.lab("rollout", "plan.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "step 1 of 2 is through: 1 nodes\nstep 2 of 2 is through: 2 nodes\n" in done.stdout
    assert newdns.asked(rack.folder / "old.jsonl") == set(BOARDS.values()), "they asked the old one first"
    assert newdns.asked(rack.folder / "new.jsonl") == set(BOARDS.values())
    lines = [json.loads(line) for line in (rack.folder / "plan.rollout.jsonl").read_text().splitlines()]
    order = [(line["node"], line["to"]) for line in lines if "node" in line]
    assert order.index(("rack1", "done")) < order.index(("rack2", "changing")), "the canary goes first"
