"""From a board type's `qemu` options to QEMU's command line."""

import itertools
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from lab.drivers.qemu.disks import Attached, Disk, disk_words, disks_of
from lab.errors import ConfigError, InfrastructureError

CONSOLE = "console"  # QEMU's name of the character device
NETDEV = "net0"
_CLOCK = re.compile(r"utc|localtime|\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2})?")


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

    `disks`: see lab.drivers.qemu.disks; each hangs on a `disk_device`. `watchdog`: an Intel 6300ESB on the
    PCI bus, unarmed until somebody arms it, that resets the board. `rtc`: what the real-time clock says at
    power-on: utc, localtime, or a date such as 2031-05-01T12:00:00.
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
    disks: tuple[Disk, ...] = ()
    disk_device: str = "virtio-blk-pci"
    watchdog: bool = False
    rtc: str = ""
    binary_package: str = "qemu-system"
    firmware_package: str = "u-boot-qemu"
    extra: tuple[str, ...] = ()

    @classmethod
    def of(cls, board_type: str, options: dict[str, Any]) -> Self:
        """Return the options of a board type.

        Raises InfrastructureError where they are not QEMU's, ConfigError where a value is none.
        """
        disks = disks_of(options.get("disks", ()))
        try:
            made = cls(**{**options, "extra": tuple(options.get("extra", ())), "disks": disks})
        except TypeError as exc:
            raise InfrastructureError(
                f"board type {board_type} cannot be emulated: its qemu options are not complete ({exc})"
            ) from exc
        faults = []
        if options.get("watchdog", False) not in (True, False):
            faults.append(f"watchdog: {made.watchdog!r} is neither true nor false")
        if made.rtc and not _CLOCK.fullmatch(str(made.rtc)):
            faults.append(
                f"rtc: {made.rtc!r} is no date such as 2031-05-01T12:00:00, and neither utc nor localtime"
            )
        if faults:
            raise ConfigError(faults)
        return made

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
        self,
        *,
        name: str,
        mac: str,
        netdev: tuple[str, ...],
        qmp: Path,
        variables: Path | None = None,
        disks: Sequence[Attached] = (),
    ) -> list[str]:
        """Return argv. QEMU stops before it makes the machine (--preconfig), and once more before the
        first instruction (-S): the console is opened in the first pause, the power comes on in the second.

        Why the console in the first: a pty that nobody had open when the UART was made is looked at once a
        second only, and what is typed meanwhile waits. `variables` is the place's copy of the store, `disks`
        are the files of `self.disks`.
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
            *self._disks(disks),
            *(("-device", "i6300esb", "-action", "watchdog=reset") if self.watchdog else ()),
            *(("-rtc", f"base={self.rtc}") if self.rtc else ()),
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

    def _disks(self, disks: Sequence[Attached]) -> list[str]:
        """QEMU fills the slots of virtio-mmio from the last to the first, and boards look from the first."""
        words = [disk_words(n, disk, self.disk_device) for n, disk in enumerate(disks)]
        if self.disk_device.endswith("-device"):
            words.reverse()
        return list(itertools.chain(*words))

    def _identity(self) -> list[str]:
        words = [
            f"{key}={_escape(text)}" for key, text in (("uuid", self.uuid), ("serial", self.serial)) if text
        ]
        return ["-smbios", ",".join(["type=1", *words])] if words else []


def _escape(text: str | Path) -> str:
    """QEMU splits its options at commas; a doubled comma stands for one."""
    return str(text).replace(",", ",,")
