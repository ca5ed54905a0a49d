"""Raspberry Pi boot ROMs and EEPROMs: the folder by serial number, and the files that must be there."""

import re
from collections.abc import Iterator

from pxe.explain.evidence import Evidence, Transfer
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.text import line, shown

_FIRST = ("start4.elf", "start.elf", "config.txt", "bootcode.bin")
_SERIAL = re.compile(r"/?([0-9a-f]{8})/(.+)")


def _refused(e: Evidence) -> list[Transfer]:
    return [t for t in e.transfers if t.outcome == "refused"]


def _base(name: str) -> str:
    return name.rpartition("/")[2]


@rule(
    "pi-wrong-folder",
    Stage.FILES,
    seen="a Raspberry Pi asks for files below its serial number, none is there, and another serial's folder "
    "is",
    sentence="The Raspberry Pi asks below {serial}/, where nothing is; the server has {others}/.",
    cure="Name the folder {serial} (8 lower-case hexadecimal digits of the serial number), or put the files "
    "at the "
    "root.",
    basis="Raspberry Pi documentation, boot-net.adoc (TFTP_PREFIX)",
)
def pi_wrong_folder(e: Evidence) -> Iterator[Hit]:
    """A board was swapped, or the serial was typed wrong."""
    folders = {m[1] for m in map(_SERIAL.fullmatch, e.network.files) if m}
    for t in _refused(e):
        asked = _SERIAL.fullmatch(t.name)
        if asked and asked[2] in _FIRST and asked[1] not in folders and folders:
            yield hit(t.last_ns, line(t), serial=asked[1], others=", ".join(sorted(folders)[:3]))


@rule(
    "pi-firmware-missing",
    Stage.FILES,
    seen="a Raspberry Pi's first files (start4.elf, config.txt, bootcode.bin) are refused below its serial "
    "number "
    "and at the root, and nothing is fetched after it",
    sentence="The Raspberry Pi does not find {file}, neither below {serial}/ nor at the root of {server}.",
    cure="Copy the firmware files (start4.elf, fixup4.dat, config.txt, the device trees) there; a Pi 5 needs "
    "config.txt and the kernel.",
    basis="Raspberry Pi documentation, boot-net.adoc; rpi-eeprom release notes",
)
def pi_firmware_missing(e: Evidence) -> Iterator[Hit]:
    """It looks below its serial number first, then at the root."""
    refused = _refused(e)
    below = {m[2]: (m[1], t) for t in refused if (m := _SERIAL.fullmatch(t.name)) and m[2] in _FIRST}
    for t in refused:
        name = t.name.lstrip("/")
        if name in below and "/" not in name:
            serial, first = below[name]
            yield hit(
                t.last_ns, line(first), line(t), file=shown(_base(name)), serial=serial, server=t.server
            )
