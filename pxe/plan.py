"""What a machine shall boot: plain values, no sockets, no clock, no files opened.

*Firmware* picks the loader, *Arch* picks the kernel; they are told apart because one firmware runs on many
architectures and one architecture has many firmwares.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
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


class Action(StrEnum):
    """What a plan does with a machine."""

    BOOT = "boot"  # its kernel, or its loader
    LOCAL = "local"  # the machine's own disk
    HOLD = "hold"  # nothing, until it is released: firmware waits and asks again


class Transport(StrEnum):
    """How kernel and initrd travel; the firmware's first file always comes its own way."""

    AUTO = "auto"  # HTTP where the client can, else TFTP
    TFTP = "tftp"
    HTTP = "http"


class UnknownMachines(StrEnum):
    """What becomes of a machine that nobody told us of."""

    IGNORE = "ignore"
    RECORD = "record"  # listed for people, not answered
    BOOT = "boot"  # an address from the pool, and the plan of a rule or the discovery plan


class ConfigKind(StrEnum):
    """Who reads a config, which decides how it is answered."""

    TEXT = "text"  # preseed, kickstart, autoinstall ...: as it is
    NOCLOUD = "nocloud"  # user-data, meta-data, vendor-data, network-config of cloud-init
    IGNITION = "ignition"
    TALOS = "talos"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that a plan serves: `name` is what the client asks for, `path` where it lies on this host.

    `sha256` (64 hexadecimal digits; empty: not checked) is verified before the file is served.
    """

    name: str
    path: Path
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a booting machine fetches to configure itself, at `{config}NAME`.

    Exactly one of `path`, `text` and `env` (an environment variable of the service that holds the text) is
    set. One that is `secret` goes only to the machine that it is meant for, once in a boot, and is never
    given as `text`: plans can be read.
    """

    kind: ConfigKind
    name: str
    path: Path | None = None
    text: str | None = None
    env: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BootPlan:
    """What a machine boots next: one plan decides what DHCP, TFTP and HTTP answer.

    `kernel`, `initrd` and `dtb` are served under their asset names. `files` are further assets: over TFTP
    and HTTP alike. `texts` are small generated files (name -> content) such as a preseed. `fdt_address` (like
    0x4a000000) is where U-Boot loads `dtb`; empty: the firmware's own ${fdt_addr_r}, which some builds lack.

    In `cmdline`, `texts` and configs, `{server}` stands for our address as the client sees it, `{mac}` for
    its MAC and `{config}` for the URL (with its final slash) below which its `configs` are.

    `loader` is a program for the firmware (an EFI program, a PXE NBP) that is started instead of the one we
    would choose for it; with a loader alone there need be no kernel. `arch` is the kernel's: machines of
    another are refused with a sentence. `tree` is a folder that is served as it is to the machine (a
    Raspberry Pi's firmware files, device trees and overlays). `templates` replace ours, by kind of script
    (see pxe.boot.render). `then` names the plan that follows once the machine has fetched all that this one
    boots with: stages.
    """

    name: str
    action: Action = Action.BOOT
    kernel: Asset | None = None
    initrd: Asset | None = None
    dtb: Asset | None = None
    cmdline: str = ""
    files: tuple[Asset, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    fdt_address: str = ""
    loader: Asset | None = None
    arch: Arch | None = None
    transport: Transport = Transport.AUTO
    tree: Path | None = None
    templates: dict[str, str] = field(default_factory=dict)
    configs: tuple[Config, ...] = ()
    then: str | None = None

    def assets(self) -> tuple[Asset, ...]:
        """All files of the plan, kernel first."""
        parts = (self.kernel, self.initrd, self.dtb, self.loader, *self.files)
        return tuple(a for a in parts if a is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which machines are meant. What is empty matches all; what is given must all match.

    `mac` is a whole address or a prefix such as b8:27:eb; `serial` is of the SMBIOS or the Raspberry Pi;
    `tags` must all be on the machine; `network` holds the address that the machine has or is offered.
    """

    mac: str = ""
    uuid: str = ""
    serial: str = ""
    arch: Arch | None = None
    firmware: Firmware | None = None
    tags: frozenset[str] = frozenset()
    network: IPv4Network | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRule:
    """A plan for every machine that `when` selects and that names none itself; the most specific wins."""

    name: str
    when: Selector
    plan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A client of the boot service, known by its MAC.

    `plan` names the BootPlan that it boots; None: what the rules say, and without one nothing from us.
    `next_plan` is booted once instead, then forgotten. `hold` keeps it from booting anything until released.
    """

    mac: str
    name: str = ""
    ip: IPv4Address | None = None  # DHCP reservation
    plan: str | None = None
    next_plan: str | None = None
    hold: bool = False
    uuid: str = ""
    serial: str = ""
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Bytes that a transfer sends: a file on disk or generated `data`; exactly one of the two is set."""

    name: str
    path: Path | None = None
    data: bytes | None = None
    mac: str | None = None  # of the machine that asked, where we know it
