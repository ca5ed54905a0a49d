"""On which types of board Flatcar boots, and why not on the others.

Its kernel's configuration for arm64 (flatcar/scripts, 6.12) has ARCH_BCM2835, XGENE, THUNDER, VEXPRESS and,
of Tegra, only 132; no ARCH_SUNXI, no ARCH_ROCKCHIP. Its own grub.cfg adds acpi=force: UEFI with ACPI is what
it is made for (facts/os.md, section 4).
"""

from typing import Final

from lab.config.boards import load_board_type
from lab.systems.interface import Level, Support

_KERNEL: Final = "flatcar/scripts ab6d76d"
_MEMORY: Final = "it needs 3 GB of RAM to run from memory"
_SUPPORT: Final = {
    "raspberrypi-pi4": Support(
        Level.UNOFFICIAL,
        f"by the UEFI firmware of pftf/RPi4, not by U-Boot; {_MEMORY}",
        "flatcar/Flatcar#502 (open)",
    ),
    "raspberrypi-pi3": Support(Level.NOT_EXPECTED, f"it has 1 GB of RAM; {_MEMORY}", "flatcar.org, PXE"),
    "raspberrypi-pi5": Support(
        Level.NOT_EXPECTED,
        "of all Raspberry Pis only the Pi 4 is named anywhere",
        "flatcar/Flatcar#502 (open)",
    ),
    "jetson-nano": Support(Level.NOT_EXPECTED, "its kernel has no Tegra210 (of Tegra, only 132)", _KERNEL),
    "jetson-orin": Support(Level.NOT_EXPECTED, "its kernel has no Tegra234 (of Tegra, only 132)", _KERNEL),
    "pine64-a64": Support(Level.NOT_EXPECTED, "its kernel has no Allwinner (ARCH_SUNXI)", _KERNEL),
    "qemu-virt-arm64-uefi": Support(
        Level.EXPECTED,
        f"the publisher's own tests run in QEMU with UEFI; {_MEMORY}",
        "flatcar/mantle f43f4e9",
    ),
    "qemu-virt-arm64": Support(
        Level.UNOFFICIAL,
        'through U-Boot nobody vouches for it, and on other boards it hangs at "Starting kernel"; '
        f"take UEFI; {_MEMORY}",
        "flatcar/Flatcar#1636 (open)",
    ),
    "x86-q35-bios": Support(
        Level.EXPECTED,
        f"the publisher's own tests run in QEMU on x86_64; {_MEMORY}",
        "flatcar/mantle f43f4e9",
    ),
    "x86-q35-uefi": Support(
        Level.EXPECTED,
        f"the publisher's own tests run in QEMU on x86_64; {_MEMORY}",
        "flatcar/mantle f43f4e9",
    ),
}


def support(board_type: str) -> Support:
    """Return whether Flatcar boots on a type of board. Raises UsageError where there is no such type."""
    if board_type in _SUPPORT:
        return _SUPPORT[board_type]
    load_board_type(board_type)  # says that there is none
    return Support(Level.NOT_EXPECTED, "nothing is known of Flatcar on it")
