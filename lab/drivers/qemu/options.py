"""From a board type's `qemu` options to QEMU's command line."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lab.errors import InfrastructureError

CONSOLE = "console"  # QEMU's name of the character device
NETDEV = "net0"


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuOptions:
    """The `qemu` part of a board type. `memory` in MiB; `binary_package` and `firmware_package` are Debian's.

    `cpu`: cortex-a53 emulates twice as fast as max, whose pointer authentication costs QEMU 7.2 dearly.
    `nic`: a QEMU device. virtio-net-device works with every U-Boot; rtl8139, pcnet and usb-net have no
    driver in Debian's builds, and e1000e comes up with MAC 0 there.
    """

    binary: str
    machine: str
    cpu: str
    memory: int
    firmware: str
    nic: str = "virtio-net-device"
    cpus: int = 1
    binary_package: str = "qemu-system"
    firmware_package: str = "u-boot-qemu"
    extra: tuple[str, ...] = ()

    @classmethod
    def of(cls, board_type: str, options: dict[str, Any]) -> Self:
        """Return the options of a board type. Raises InfrastructureError where they are not QEMU's."""
        try:
            return cls(**{**options, "extra": tuple(options.get("extra", ()))})
        except TypeError as exc:
            raise InfrastructureError(
                f"board type {board_type} cannot be emulated: its qemu options are not complete ({exc})"
            ) from exc

    def check(self) -> None:
        """Raise InfrastructureError, naming the package, where the binary or the firmware is missing."""
        if shutil.which(self.binary) is None:
            raise InfrastructureError(
                f"{self.binary} is not installed: apt-get install {self.binary_package}"
            )
        if not os.access(self.firmware, os.R_OK):
            raise InfrastructureError(
                f"the firmware {self.firmware} is missing: apt-get install {self.firmware_package}"
            )

    def command_line(self, *, name: str, mac: str, netdev: tuple[str, ...], qmp: Path) -> list[str]:
        """Return argv. QEMU stops before it makes the machine (--preconfig), and once more before the
        first instruction (-S): the console is opened in the first pause, the power comes on in the second.

        Why the console in the first: a pty that nobody had open when the UART was made is looked at once a
        second only, and what is typed meanwhile waits.
        """
        return [
            *(self.binary, "-name", name, "-nodefaults", "-no-user-config", "-display", "none"),
            *("-machine", self.machine, "-accel", "tcg", "-cpu", self.cpu),
            *("-smp", str(self.cpus), "-m", str(self.memory), "-bios", self.firmware),
            *("-S", "--preconfig", "-qmp", f"unix:{_escape(qmp)}"),
            *("-chardev", f"pty,id={CONSOLE}", "-serial", f"chardev:{CONSOLE}"),
            *netdev,
            *("-device", f"{self.nic},netdev={NETDEV},mac={mac}"),
            *self.extra,
        ]


def _escape(path: Path) -> str:
    """QEMU splits its options at commas; a doubled comma stands for one."""
    return str(path).replace(",", ",,")
