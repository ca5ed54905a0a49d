"""Which program each firmware starts first, and where it lies on this host.

A firmware that can read our scripts itself (U-Boot, iPXE, a Raspberry Pi) needs none. The others get a
distribution's: iPXE for x86, and for arm64, where Debian 12 has no iPXE, its shim with GRUB.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pxe.boot.assets import stamp
from pxe.errors import PlanError
from pxe.plan import Arch, Firmware

_INSTALLER = Path("/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64")
_UEFI = (Firmware.UEFI_PXE, Firmware.UEFI_HTTP)

# What a loader asks for beside itself, in the folder that it came from: shim its GRUB and its key manager.
_COMPANION = re.compile(r"(grub|mm)(x64|aa64|ia32|arm)\.efi")


@dataclass(frozen=True, slots=True)
class Loader:
    """A program for a firmware: `name` is asked for, `path` is on this host, `package` brings it.

    `http`: it can go on by itself where it came over HTTP. Debian's signed GRUB has no HTTP. `bare` lies
    beside it, for U-Boot's EFI, which lacks the protocol that shim loads its GRUB by.
    """

    name: str
    path: Path
    package: str = ""
    http: bool = True
    bare: str = ""


# Keys of `loaders` in the site file
_DEFAULTS: dict[str, Loader] = {
    "bios": Loader("undionly.kpxe", Path("/usr/lib/ipxe/undionly.kpxe"), "ipxe"),
    "x86_64": Loader("ipxe.efi", Path("/usr/lib/ipxe/ipxe.efi"), "ipxe"),
    "arm64": Loader(
        "bootnetaa64.efi",
        _INSTALLER / "bootnetaa64.efi",
        "debian-installer-12-netboot-arm64",
        http=False,
        bare="grubaa64.efi",
    ),
}
KINDS = ("bios", "x86", "x86_64", "arm", "arm64", "riscv64")


def loader_kind(firmware: Firmware, arch: Arch) -> str | None:
    """The kind of loader that a firmware starts; None where it starts none."""
    if firmware is Firmware.BIOS_PXE:
        return "bios"
    return arch.value if firmware in _UEFI else None


@dataclass(frozen=True)
class Loaders:
    """The loaders of this host; `own` replaces ours by kind."""

    own: Mapping[str, Path] = field(default_factory=dict)

    def of(self, kind: str) -> Loader:
        """Return the loader of that kind.

        Raises PlanError, naming the package or the setting, where this host has none.
        """
        path = self.own.get(kind)
        loader = Loader(path.name, path) if path is not None else _DEFAULTS.get(kind)
        if loader is None:
            what = (
                f"firmware of {kind}"
                if kind != Arch.UNKNOWN
                else "firmware that does not tell its architecture"
            )
            raise PlanError(f"there is no loader for {what}: name one in `loaders` of the site file")
        try:
            stamp(loader.path)
        except PlanError as exc:
            mend = f"apt-get install {loader.package}" if loader.package else f"mend `loaders: {kind}`"
            raise PlanError(f"the loader {exc}: {mend}") from None
        return loader

    def find(self, name: str) -> Path | None:
        """The file of a loader, or of one that a loader asks for beside itself; None where we have none."""
        for kind in {*self.own, *_DEFAULTS}:
            try:
                loader = self.of(kind)
            except PlanError:
                continue
            if name == loader.name:
                return loader.path
            found = companion(name, loader.path)
            if found is not None:
                return found
        return None


def companion(name: str, loader: Path) -> Path | None:
    """The file `name` beside `loader`, where it is one that loaders ask for; None where it is not there."""
    name = name.rpartition("/")[2].lower()
    if not _COMPANION.fullmatch(name):
        return None
    path = loader.with_name(name)
    return path if path.is_file() else None
