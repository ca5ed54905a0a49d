"""On which types of board Fedora CoreOS boots (facts/os.md, sections 1 and 5)."""

from typing import Final

from lab.config.boards import load_board_type
from lab.systems.interface import Level, Support

_MEMORY: Final = "its live system needs 2 GB of RAM"
_TESTS: Final = f"the publisher's own tests netboot it in QEMU; {_MEMORY}"
_COSA: Final = "coreos/coreos-assembler 05db482"
_SUPPORT: Final = {
    "raspberrypi-pi4": Support(
        Level.EXPECTED,
        f"the publisher documents Fedora's U-Boot and EDK2 for it, from SD card or USB; {_MEMORY}",
        "coreos/fedora-coreos-docs 9db0773, #620 (open)",
    ),
    "raspberrypi-pi3": Support(Level.NOT_EXPECTED, f"it has 1 GB of RAM; {_MEMORY}", "fedora-coreos-docs"),
    "raspberrypi-pi5": Support(
        Level.NOT_EXPECTED, "the publisher documents only the Pi 4", "coreos/fedora-coreos-tracker#258"
    ),
    "qemu-virt-arm64-uefi": Support(Level.EXPECTED, _TESTS, _COSA),
    "qemu-virt-arm64": Support(
        Level.UNOFFICIAL,
        f"the publisher's tests have UEFI; through U-Boot nobody vouches for it; {_MEMORY}",
        _COSA,
    ),
    "x86-q35-bios": Support(Level.EXPECTED, _TESTS, _COSA),
    "x86-q35-uefi": Support(Level.EXPECTED, _TESTS, _COSA),
}


def support(board_type: str) -> Support:
    """Return whether it boots on a type of board. Raises UsageError where there is no such type."""
    if board_type in _SUPPORT:
        return _SUPPORT[board_type]
    load_board_type(board_type)  # says that there is none
    return Support(Level.NOT_EXPECTED, "the publisher names no such board; arm64 has to have UEFI")
