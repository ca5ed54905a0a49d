"""Simulated Raspberry Pis and the boot service that they boot from, for the tests beside this."""

import hashlib
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.model import DriverConfig, Place
from lab.session import LabSession
from pxe.plan import BootPlan, Machine

ROOT = Path(__file__).parents[2]
SCALE = 0.2  # of all the Pi's times: it waits for missing answers only
SITE = """\
service:
  interface: br0
  address: 10.99.0.1/24
  dhcp:
    pool: {start: 10.99.0.100, end: 10.99.0.199}
  tftp: {}
"""
# What QEMU's raspi3b has: a UART at this address, and memory enough.
CMDLINE = "earlycon=pl011,mmio32,0x3f201000 console=tty1 console=ttyAMA0,115200 panic=5"


@dataclass
class Pi:
    """One of the three."""

    model: str
    mac: str
    serial: str
    folder: str = field(init=False)

    def __post_init__(self) -> None:
        self.folder = f"{self.serial}/"


PI3 = Pi("pi3", "b8:27:eb:01:02:03", "9a8b7c6d")
PI4 = Pi("pi4", "dc:a6:32:01:02:04", "1a2b3c4d")
PI5 = Pi("pi5", "2c:cf:67:01:02:05", "0badcafe")
PIS = [PI3, PI4, PI5]


class Lab:
    """The boot service in its sandbox, and Pis that are switched on in it; `impair` is their cable."""

    def __init__(self, session: LabSession, folder: Path, impair: str = "") -> None:
        self.session, self.out, self.impair = session, folder / "fetched", impair
        self.tree = folder / "tree"
        (self.tree / "overlays").mkdir(parents=True)
        for name in ("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"):
            (self.tree / name).write_bytes(name.encode() * 3000)  # the service does not look inside
        (self.tree / "overlays" / "disable-bt.dtbo").write_bytes(b"overlay")
        place = Place(
            name="pi",
            board_type="raspberrypi-pi3",
            mac=PI3.mac,
            power=DriverConfig(kind="qemu"),  # in the sandbox, that is
            console=DriverConfig(kind="qemu"),
        )
        self.service = session.service(place)
        self.events: list[Any] = []

    def assign(self, pi: Pi, plan: BootPlan, **machine: Any) -> None:
        self.service.put_plan(plan)
        self.service.put_machine(Machine(mac=pi.mac, name=pi.model, plan=plan.name, **machine))

    def switch_on(self, pi: Pi, *options: str, code: int = 0, timeout: float = 120) -> dict[str, Any]:
        """Let it boot to the end of its firmware; return its report. `events`: the service's, meanwhile."""
        since = self.service.newest_event()
        argv = [sys.executable, "-m", "lab.testing.raspberry_pi", "--model", pi.model, "--mac", pi.mac]
        argv += ["--serial", pi.serial, "--bridge", self.session.sandbox.bridge, "--out", str(self.out)]
        # Over a bad cable packets are missing, and it must not be quicker than a real one to ask again
        argv += ["--impair", self.impair] if self.impair else ["--scale", str(SCALE)]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        env = {**os.environ, "PYTHONPATH": path}
        done = self.session.sandbox.run([*argv, *options], timeout=timeout, env=env)
        self.events = [event for _, event in self.service.events(since)]
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}\n{self.session.service_log[-3000:]}"
        return json.loads(done.stdout)

    def seen(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
