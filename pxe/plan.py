"""What a machine shall boot: plain values, no sockets, no clock, no files opened.

*Firmware* picks the loader, *Arch* picks the kernel; they are told apart because one firmware runs on many
architectures and one architecture has many firmwares.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address
from pathlib import Path

from pxe.errors import PlanError

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class Arch(StrEnum):
    """Processor architecture of a client: picks the kernel."""

    X86 = "x86"
    X86_64 = "x86_64"
    ARM = "arm"
    ARM64 = "arm64"
    RISCV64 = "riscv64"
    UNKNOWN = "unknown"


class Firmware(StrEnum):
    """Kind of network-boot client: picks the loader and the shape of the answer."""

    BIOS_PXE = "bios-pxe"
    UEFI_PXE = "uefi-pxe"
    UEFI_HTTP = "uefi-http"
    IPXE = "ipxe"
    UBOOT = "u-boot"
    RASPBERRY_PI = "raspberry-pi"
    OS = "os"  # a DHCP client without any boot option: a running operating system
    UNKNOWN = "unknown"


def normalise_mac(text: str) -> str:
    """Return `text` as `aa:bb:cc:dd:ee:ff`; accepts `-`, `.` or no separators, any case.

    Raises PlanError where it is not a six-byte address.
    """
    digits = re.sub(r"[-:.]", "", text.strip().lower())
    mac = ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))
    if not _MAC.fullmatch(mac):
        raise PlanError(f"{text!r} is not a MAC address; write it like 52:54:00:12:34:56")
    return mac


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that a plan serves: `name` is what the client asks for, `path` where it lies on this host."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BootPlan:
    """What a machine boots next: one plan decides what DHCP, TFTP and HTTP answer.

    `kernel`, `initrd` and `dtb` are served under their asset names. `files` are further assets: over TFTP
    and HTTP alike. `texts` are small generated files (name -> content) such as a preseed. `{server}` in
    `cmdline` and in `texts` stands for the server's address as the client sees it. `fdt_address` (like
    0x4a000000) is where U-Boot loads `dtb`; empty: the firmware's own ${fdt_addr_r}, which some builds lack.
    """

    name: str
    kernel: Asset
    initrd: Asset | None = None
    dtb: Asset | None = None
    cmdline: str = ""
    files: tuple[Asset, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    fdt_address: str = ""

    def assets(self) -> tuple[Asset, ...]:
        """All files of the plan, kernel first."""
        return tuple(a for a in (self.kernel, self.initrd, self.dtb, *self.files) if a is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A client of the boot service, known by its MAC. `plan` names a BootPlan; None boots nothing from us."""

    mac: str
    name: str = ""
    ip: IPv4Address | None = None  # DHCP reservation
    plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Bytes that a transfer sends: a file on disk or generated `data`; exactly one of the two is set."""

    name: str
    path: Path | None = None
    data: bytes | None = None
    mac: str | None = None  # of the machine that asked, where we know it
