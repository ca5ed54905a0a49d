"""A bare U-Boot under QEMU for tests and benchmarks of consoles: no network, no disk, a pty.

An idle U-Boot prompt burns a whole core: leave the context as soon as you can.
"""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIRMWARE = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
QEMU = "qemu-system-aarch64"


@dataclass(frozen=True, slots=True)
class BareUboot:
    """A machine that stands before its first instruction; `pty` is its console."""

    pty: str
    pid: int
    control: socket.socket

    def power_on(self) -> None:
        """Run from the first instruction."""
        self._execute("cont")

    def reset(self) -> None:
        """Press the reset button."""
        self._execute("system_reset")

    def _execute(self, command: str) -> None:
        self.control.sendall(json.dumps({"execute": command}).encode())
        with self.control.makefile("r") as lines:
            for line in lines:
                if "return" in json.loads(line):
                    return


def missing() -> str | None:
    """What is not installed here, in words; None where all is there."""
    if shutil.which(QEMU) is None:
        return f"{QEMU} is not installed (Debian: qemu-system-arm)"
    if not FIRMWARE.exists():
        return f"{FIRMWARE} is not there (Debian: u-boot-qemu)"
    return None


def command_line(control: str) -> list[str]:
    """QEMU's arguments; `control` is a path for its QMP socket."""
    return [
        *(QEMU, "-M", "virt", "-cpu", "cortex-a53", "-m", "128", "-net", "none", "-display", "none"),
        *("-monitor", "none", "-serial", "pty", "-bios", str(FIRMWARE)),
        *("-S", "-qmp", f"unix:{control},server=on,wait=off"),
    ]


@contextlib.contextmanager
def bare_uboot() -> Iterator[BareUboot]:
    """Start one and end it, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="bootlab-") as folder:
        path = f"{folder}/qmp"
        process = subprocess.Popen(
            command_line(path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            pty = re.search(r"/dev/pts/\d+", said)
            if pty is None:
                raise RuntimeError(f"{QEMU} said: {said}{process.stdout.read()}")
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(path)
                machine = BareUboot(pty[0], process.pid, control)
                machine._execute("qmp_capabilities")
                yield machine
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
