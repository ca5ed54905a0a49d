"""Which overlay of Talos is for which board, what kernel arguments it brings, and whether Talos boots there.

An overlay is what a board needs beside Talos: its U-Boot, kernel arguments, and options of its profile. Names
and arguments as of Talos 1.14.0-alpha.2 (siderolabs/overlays 5802fa3, sbc-* of 2026-02-25; facts/os.md, 3).
"""

import difflib
from dataclasses import dataclass
from typing import Final

from lab.config.boards import board_type_files, load_board_type
from lab.errors import UsageError
from lab.systems.interface import Level, Support
from lab.systems.talos.schematic import Overlay, Schematic

_ALLWINNER, _JETSON = "siderolabs/sbc-allwinner", "siderolabs/sbc-jetson"
_RASPBERRY, _ROCKCHIP = "siderolabs/sbc-raspberrypi", "siderolabs/sbc-rockchip"

# fmt: off
_OF_ROCKCHIP: Final = (
    "helios64", "nanopi-r4s", "nanopi-r5s", "odroid-m1", "orangepi-5", "orangepi-5-max", "orangepi-5-plus",
    "orangepi-r1-plus-lts", "radxa-zero-3e", "rock3b", "rock4cplus", "rock4se", "rock5a", "rock5b",
    "rock5b-plus", "rock5t", "rock64", "rockpi4", "rockpi4c", "rockpro64", "turingrk1",
    "friendlyelec-cm3588-nas",
)
# fmt: on
OVERLAYS: Final = {
    **dict.fromkeys(("bananapi_m64", "libretech_all_h3_cc_h5", "pine64"), _ALLWINNER),
    "jetson_nano": _JETSON,
    **dict.fromkeys(("rpi_generic", "rpi_5", "revpi_generic"), _RASPBERRY),
    **dict.fromkeys(_OF_ROCKCHIP, _ROCKCHIP),
}
# kexec would leave out the board's own U-Boot, and the dashboard takes the console
_ALL: Final = "sysctl.kernel.kexec_load_disabled=1 talos.dashboard.disabled=1"
_CONSOLES: Final = {
    "rpi_generic": "console=tty0 console=ttyAMA0,115200",
    "rpi_5": "console=ttyAMA10,115200",
    "jetson_nano": "console=ttyS0,115200",
    "pine64": "console=ttyS0,115200",
}
NO_OVERLAY: Final = Overlay()
_SHORT: Final = {
    "rpi3": "raspberrypi-pi3",
    "rpi4": "raspberrypi-pi4",
    "rpi5": "raspberrypi-pi5",
    "jetson_nano": "jetson-nano",
    "pine64": "pine64-a64",
}
_OF_TYPE: Final = {
    "raspberrypi-pi3": "rpi_generic",
    "raspberrypi-pi4": "rpi_generic",
    "raspberrypi-pi5": "rpi_5",
    "jetson-nano": "jetson_nano",
    "pine64-a64": "pine64",
}
_UEFI: Final = ("qemu-virt-arm64-uefi", "jetson-orin")  # what starts an EFI zboot kernel by itself

_OVERLAY_OF: Final = "siderolabs/overlays 5802fa3"
_BY_UBOOT: Final = "boots through U-Boot; it gets the plain kernel out of Talos' EFI zboot one"
_SUPPORT: Final = {
    "raspberrypi-pi3": Support(
        Level.EXPECTED,
        "overlay rpi_generic; the firmware's files must be in the plan's `tree`, the device tree in `dtb`",
        _OVERLAY_OF,
    ),
    "raspberrypi-pi4": Support(
        Level.EXPECTED,
        "overlay rpi_generic; the firmware's files must be in the plan's `tree`, the device tree in `dtb`; "
        "the EEPROM's firmware must be recent",
        f"{_OVERLAY_OF}, siderolabs/talos#8658",
    ),
    "raspberrypi-pi5": Support(
        Level.EXPECTED,
        "overlay rpi_5, from SD card; of netbooting it there are open reports",
        "siderolabs/sbc-raspberrypi#23, #81, #88",
    ),
    "jetson-nano": Support(Level.EXPECTED, f"overlay jetson_nano, {_BY_UBOOT}", _OVERLAY_OF),
    "pine64-a64": Support(Level.EXPECTED, f"overlay pine64, {_BY_UBOOT}", _OVERLAY_OF),
    "jetson-orin": Support(
        Level.NOT_EXPECTED,
        "there is no overlay for it, and the publisher has none to test with; its UEFI starts the metal "
        "image, whose drivers for it nobody vouches for",
        "siderolabs/talos#7124 (of its predecessor)",
    ),
    "qemu-virt-arm64": Support(
        Level.EXPECTED, f"the metal image has virtio drivers; {_BY_UBOOT}", "siderolabs/pkgs 28f5f23"
    ),
    "qemu-virt-arm64-uefi": Support(
        Level.EXPECTED,
        "the metal image has virtio drivers, and UEFI starts its kernel",
        "siderolabs/pkgs 28f5f23",
    ),
    "x86-q35-bios": Support(
        Level.EXPECTED, "the publisher's own tests run in QEMU on x86_64", "siderolabs/talos ad88231"
    ),
    "x86-q35-uefi": Support(
        Level.EXPECTED, "the publisher's own tests run in QEMU on x86_64", "siderolabs/talos ad88231"
    ),
}


@dataclass(frozen=True, slots=True)
class Target:
    """What images are made for: `board_type` is one of ours or "", `arch` as in pxe.plan.Arch. `console` are
    kernel arguments that the image may lack. `uefi`: whether its firmware starts an EFI zboot kernel."""

    arch: str
    board_type: str = ""
    overlay: Overlay = NO_OVERLAY
    console: str = ""
    uefi: bool = False


def target(board: str, arch: str) -> Target:
    """Return what `board` needs: one of our board types, a short name (rpi4), or an overlay's name.

    Raises UsageError: there is no such board, or it has another processor than `arch`; neither is given.
    """
    if not board:
        if not arch:
            raise UsageError("say for what: --board rpi4, or --arch arm64 or x86_64")
        return Target(arch)
    name = _SHORT.get(board, board)
    if name in board_type_files():
        kind = load_board_type(name)
        found = Target(kind.arch, name, _overlay(_OF_TYPE.get(name, "")), kind.console_args, name in _UEFI)
        if found.overlay.name:
            found = Target(kind.arch, name, found.overlay, kernel_args(found.overlay.name))
    elif name in OVERLAYS:
        found = Target("arm64", "", _overlay(name), kernel_args(name))
    else:
        known = [*_SHORT, *board_type_files(), *OVERLAYS]
        raise UsageError(f"there is no board {board!r}; {_nearest(name, known)}")
    if arch and arch != found.arch:
        raise UsageError(f"{board} is {found.arch}, not {arch}; leave --arch out")
    return found


def kernel_args(overlay: str) -> str:
    """Return the kernel arguments that an overlay brings."""
    return f"{_CONSOLES.get(overlay, '')} {_ALL}".strip()


def with_overlay(schematic: Schematic, wanted: Overlay, board: str) -> Schematic:
    """Return the schematic with the board's overlay. Raises UsageError where it has another one already."""
    own = schematic.overlay
    if not wanted.name or (own.image, own.name) == (wanted.image, wanted.name):
        return schematic
    if own.image or own.name:
        raise UsageError(
            f"the schematic has overlay {own.name} of {own.image}; "
            f"{board} needs {wanted.name} of {wanted.image}"
        )
    overlay = own.model_copy(update={"image": wanted.image, "name": wanted.name})
    return schematic.model_copy(update={"overlay": overlay})


def support(board_type: str) -> Support:
    """Return whether Talos boots on a type of board. Raises UsageError where there is no such type."""
    name = _SHORT.get(board_type, board_type)
    if name in _SUPPORT:
        return _SUPPORT[name]
    if name in OVERLAYS:
        return Support(Level.EXPECTED, f"overlay {name}; not a board type of this lab", _OVERLAY_OF)
    load_board_type(name)  # says that there is none
    return Support(Level.NOT_EXPECTED, "nothing is known of Talos on it")


def _overlay(name: str) -> Overlay:
    return Overlay(image=OVERLAYS[name], name=name) if name else NO_OVERLAY


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, 3)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(sorted(set(known)))}"
