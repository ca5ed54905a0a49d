"""From a board type's `qemu` options to QEMU's command line."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from lab.errors import InfrastructureError

CONSOLE = "console"  # QEMU's name of the character device
NETDEV = "net0"


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuOptions:
    """The `qemu` part of a board type. `memory` in MiB; `binary_package` and `firmware_package` are Debian's.

    `firmware`: a file for -bios; empty: QEMU's own (SeaBIOS). `variables`: the firmware is UEFI in flash, and
    this is its empty variable store, of which every place keeps a copy of its own.

    `cpu`: cortex-a53 emulates twice as fast as max, whose pointer authentication costs QEMU 7.2 dearly.
    `nic`: a QEMU device. virtio-net-device works with every U-Boot; rtl8139, pcnet and usb-net have no
    driver in Debian's builds, and e1000e comes up with MAC 0 there. `romfile`: its boot ROM; None: the iPXE
    that QEMU brings, empty: none. `bootindex`: where the card stands in the boot order; None: as it comes.

    `fw_cfg`: words to the firmware, such as opt/org.tianocore/IPv4PXESupport. `uuid` and `serial` go into the
    SMBIOS, where it has one.
    """

    binary: str
    machine: str
    cpu: str
    memory: int
    firmware: str = ""
    variables: str = ""
    nic: str = "virtio-net-device"
    romfile: str | None = None
    bootindex: int | None = None
    fw_cfg: dict[str, str] = field(default_factory=dict)
    uuid: str = ""
    serial: str = ""
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
        for path in filter(None, (self.firmware, self.variables, self.romfile)):
            if not os.access(path, os.R_OK):
                raise InfrastructureError(
                    f"the firmware {path} is missing: apt-get install {self.firmware_package}"
                )

    def command_line(
        self, *, name: str, mac: str, netdev: tuple[str, ...], qmp: Path, variables: Path | None = None
    ) -> list[str]:
        """Return argv. QEMU stops before it makes the machine (--preconfig), and once more before the
        first instruction (-S): the console is opened in the first pause, the power comes on in the second.

        Why the console in the first: a pty that nobody had open when the UART was made is looked at once a
        second only, and what is typed meanwhile waits. `variables` is the place's copy of the store.
        """
        return [
            *(self.binary, "-name", name, "-nodefaults", "-no-user-config", "-display", "none"),
            *("-machine", self.machine, "-accel", "tcg", "-cpu", self.cpu),
            *("-smp", str(self.cpus), "-m", str(self.memory)),
            *self._firmware(variables),
            *("-S", "--preconfig", "-qmp", f"unix:{_escape(qmp)}"),
            *("-chardev", f"pty,id={CONSOLE}", "-serial", f"chardev:{CONSOLE}"),
            *netdev,
            *("-device", self._card(mac)),
            *self._identity(),
            *self.extra,
        ]

    def _firmware(self, variables: Path | None) -> list[str]:
        if variables is not None:
            flash = "if=pflash,format=raw"
            code = f"{flash},readonly=on,file={_escape(self.firmware)}"
            words = ["-drive", code, "-drive", f"{flash},file={_escape(variables)}"]
        else:
            words = ["-bios", self.firmware] if self.firmware else []
        for name, text in self.fw_cfg.items():
            words += ["-fw_cfg", f"name={_escape(name)},string={_escape(text)}"]
        return words

    def _card(self, mac: str) -> str:
        words = [self.nic, f"netdev={NETDEV}", f"mac={mac}"]
        if self.romfile is not None:
            words.append(f"romfile={_escape(self.romfile)}")
        if self.bootindex is not None:
            words.append(f"bootindex={self.bootindex}")
        return ",".join(words)

    def _identity(self) -> list[str]:
        words = [
            f"{key}={_escape(text)}" for key, text in (("uuid", self.uuid), ("serial", self.serial)) if text
        ]
        return ["-smbios", ",".join(["type=1", *words])] if words else []


def _escape(text: str | Path) -> str:
    """QEMU splits its options at commas; a doubled comma stands for one."""
    return str(text).replace(",", ",,")
