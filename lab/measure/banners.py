"""What firmware and kernel say of themselves on the console: which versions a boot really ran."""

import re

from lab.measure.text import ERASE, ConsoleText

_LONGEST = 120  # characters of one banner, and of the kernel's version
_MOST = 4  # banners: SPL, U-Boot, iPXE and GRUB is the longest chain we know
_BANNERS = re.compile(
    r"^\s*(?P<uboot>U-Boot (?:SPL |TPL )?20\d\d\.\d\d[^\n]*)"
    r"|(?P<seabios>SeaBIOS \(version [^)\n]+\))"
    r"|(?P<edk2>UEFI firmware \(version [^)\n]+\))"
    r"|(?P<ipxe>iPXE \d\S*)(?= -- )"
    r"|(?P<grub>GNU GRUB +version \S+)"
    r"|^(?P<tfa>NOTICE:  BL(?:2|31): v[^\n]+)",
    re.MULTILINE,
)
_KERNEL = re.compile(r"Linux version (\S+)")
# EDK2 of a PC prints no banner, and the kernel reads the version out of the firmware's tables.
_DMI = re.compile(r"\bDMI: [^\n]*, BIOS ([^\n]+)")


def banners(console: bytes) -> tuple[str, str]:
    """Return the firmware's banners, joined by `; `, and the kernel's version; "" for what was not said.

    `console` is what came since power-on, escape sequences and all. What the operating system prints later
    is no banner: those count that come before the kernel's first line.
    """
    return banners_in("".join(token for token in ConsoleText().feed(console) if token != ERASE))


def banners_in(text: str) -> tuple[str, str]:
    """The same for a console that is plain text already."""
    kernel = _KERNEL.search(text)
    before = text[: kernel.start()] if kernel else text
    found = [_tidy(match.group(match.lastgroup or 0)) for match in _BANNERS.finditer(before)]
    if not found and kernel and (told := _DMI.search(text, kernel.end())):
        found = [_tidy(told.group(1))]
    return "; ".join(list(dict.fromkeys(found))[:_MOST]), _tidy(kernel.group(1)) if kernel else ""


def _tidy(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
