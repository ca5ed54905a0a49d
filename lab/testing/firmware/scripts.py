"""What boot scripts have a firmware load: as much of iPXE's, U-Boot's, GRUB's, pxelinux' languages.

Each reader returns the files in the order in which they are fetched. Raises BootFailed where the script says
that nothing can be booted.
"""

import re
from dataclasses import dataclass

from lab.testing.firmware.machine import BootFailed

_UIMAGE_MAGIC, _UIMAGE_HEADER = b"\x27\x05\x19\x56", 64 + 8  # the header, and the script's length and a zero
_FAULT = re.compile(r"set bootlab_fault[ =]+(.*)")


@dataclass(frozen=True, slots=True)
class Load:
    """A file to fetch. `chain`: a script or program that takes over."""

    name: str
    chain: bool = False


def ipxe(text: str) -> list[Load]:
    """The files of an iPXE script, up to `boot`, `exit` or a chain."""
    found: list[Load] = []
    fault = ""
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith(("#", ":")):
            continue
        if told := _FAULT.match(line.strip()):
            fault = told[1]
        if words[0] in ("kernel", "initrd", "module", "imgfetch", "chain"):
            found.append(Load(_argument(words[1:]), words[0] == "chain"))
        if line.strip() == "goto failed":
            raise BootFailed(f"the iPXE script says: {fault}")
        if words[0] in ("boot", "exit", "sanboot", "chain", "goto"):
            return found
    return found


def _argument(words: list[str]) -> str:
    """The first word that is no option; --name has a value."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in ("--name", "-n", "--timeout", "-t") else 1
    return words[at] if at < len(words) else ""


def uboot(image: bytes) -> list[Load]:
    """The files of a boot.scr (a legacy uImage of type script)."""
    if image[:4] != _UIMAGE_MAGIC:
        raise BootFailed("boot.scr.uimg is no U-Boot script")
    text = image[_UIMAGE_HEADER:].decode("utf-8", "replace")
    if "on hold, until it is released" in text:
        raise BootFailed("on hold")
    return [Load(name) for name in re.findall(r"tftpboot \S+ ([^\s;]+)", text)]


def grub(text: str) -> list[Load]:
    """The files of a grub.cfg."""
    found = re.findall(
        r"\b(linux|initrd|devicetree|chainloader) (?:\"([^\"]+)\"|'([^']+)'|([^\s;'\"]+))", text
    )
    names = [(kind, quoted or single or bare) for kind, quoted, single, bare in found]
    return [Load(re.sub(r"^\([^)]*\)", "", name), kind == "chainloader") for kind, name in names]


def pxelinux(text: str) -> list[Load]:
    """The files of a pxelinux.cfg's first entry."""
    found = re.findall(r"^\s*(?:kernel|linux|initrd|fdt|devicetree)\s+(\S+)", text, re.I | re.M)
    return [Load(name) for name in found]
