"""The boot loader of a PC: GRUB on the EFI system partition, and its environment in one sector.

The environment has the variables of U-Boot's (env.py), as GRUB's own block ("# GRUB Environment Block").
It is one sector: a disk writes that whole or not at all, so that a power cut leaves the old one or the new
one, without a second copy. GRUB 2.06 saves only to a file, so ENV is a FAT with that one file, and nothing
but the file's sector is ever written. In the system, fw_printenv and fw_setenv read and write it there, so
whoever uses those (RAUC, the guest) sees no difference.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from lab.errors import InfrastructureError
from lab.refos.build.disk import LAYOUT, SECTOR, fat_image
from lab.refos.build.env import FRESH
from lab.refos.build.hosttools import tool
from lab.refos.build.rootfs import FILES
from lab.refos.build.tree import Tree, file

_FOLDER = Path("/usr/lib/grub/x86_64-efi")
_MODULES = (
    *("part_gpt", "fat", "ext2", "normal", "linux", "gzio", "loadenv", "regexp", "test", "echo"),
    *("serial", "terminal", "reboot", "sleep", "configfile", "setpci", "memrw"),
)
_FILE = "grubenv"
_MAGIC = "# GRUB Environment Block\n"


def block(variables: Mapping[str, str]) -> bytes:
    """Return the environment's sector. Raises ValueError where the variables do not fit."""
    text = _MAGIC + "".join(f"{name}={value}\n" for name, value in sorted(variables.items()))
    if len(text) > SECTOR or "\\" in text:
        raise ValueError(f"the environment has {len(text)} bytes, there is room for {SECTOR}")
    return text.encode().ljust(SECTOR, b"#")


def variables_of(sector: bytes) -> dict[str, str]:
    """Return what `block` wrote. Raises ValueError where it is no environment of GRUB's."""
    text = sector[:SECTOR].decode(errors="replace")
    if not text.startswith(_MAGIC):
        raise ValueError("no environment of GRUB's")
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, _equals, value in pairs if value}  # GRUB keeps what is empty


def env_partition(variables: Mapping[str, str]) -> bytes:
    """Return the content of the partition ENV."""
    (size,) = (part.size for part in LAYOUT if part.name == "ENV")
    assert size is not None
    return fat_image({_FILE: block(variables)}, size)


def sector_of(partition: bytes) -> int:
    """Return the number of the environment's sector in ENV. Raises ValueError where it has none."""
    place = partition.index(_MAGIC.encode())
    if place % SECTOR:
        raise ValueError(f"the environment begins inside a sector, at byte {place}")
    return place // SECTOR


def boot_image() -> bytes:
    """Return the content of BOOT: GRUB, made of this host's modules, where firmware looks for it.

    Raises InfrastructureError where Debian's packages of GRUB are not installed.
    """
    (size,) = (part.size for part in LAYOUT if part.name == "BOOT")
    assert size is not None
    files = {"EFI/BOOT/BOOTX64.EFI": _grub(), "EFI/BOOT/grub.cfg": (FILES / "grub.cfg").read_bytes()}
    return fat_image(files, size)


def _grub() -> bytes:
    if not _FOLDER.is_dir():
        raise InfrastructureError(f"{_FOLDER} is missing: apt-get install grub-efi-amd64-bin grub-common")
    with tempfile.TemporaryDirectory() as made:
        out = Path(made, "BOOTX64.EFI")
        argv = ["grub-mkimage", "-O", "x86_64-efi", "-d", str(_FOLDER), "-p", "/EFI/BOOT", "-o", str(out)]
        tool([*argv, *_MODULES])
        return out.read_bytes()


def system_files() -> Tree:
    """Return what takes the place of libubootenv's programs."""
    sector = sector_of(env_partition(FRESH))
    program = file((FILES / "fw-grub.sh").read_text().replace("@SECTOR@", str(sector)), 0o755)
    return {"usr/bin/fw_printenv": program, "usr/bin/fw_setenv": program}
