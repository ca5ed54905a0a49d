"""The names that firmware asks for: whose folder, which of the files that we make. Pure.

Every boot loader has its own idea of where its script is, and tries several. A machine that we know gets its
own under all of them, so that any order works; all others are "not found" at once, because a loader that
waits for an answer waits seconds for each name.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address

from pxe.boot.check import SCRIPT_NAME
from pxe.boot.render import Kind
from pxe.errors import PlanError
from pxe.plan import normalise_mac

IPXE_NAME = "boot.ipxe"

_FIXED = {
    SCRIPT_NAME: Kind.UBOOT,
    IPXE_NAME: Kind.IPXE,
    "config.txt": Kind.CONFIG_TXT,
    "cmdline.txt": Kind.CMDLINE_TXT,
}
# PXELINUX and U-Boot look below the folder of their boot file, GRUB below a prefix that is built into it.
_PXELINUX = re.compile(r"(?:.*/)?pxelinux\.cfg/([^/]+)")
_GRUB = re.compile(r"(?:.*/)?grub\.cfg(?:-([^/]+))?")
_SERIAL = re.compile(r"[0-9a-f]{8}")
_MAC = re.compile(r"[0-9a-f]{2}(-[0-9a-f]{2}){5}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX = re.compile(r"[0-9A-Fa-f]{1,8}")
_DEFAULT = re.compile(r"default(-[A-Za-z0-9._-]+)*")  # U-Boot: default-ARCH-SOC-BOARD and shorter


@dataclass(frozen=True, slots=True)
class View:
    """A first folder that tells whose files are meant: a Raspberry Pi's serial number, or a MAC."""

    mac: str = ""
    serial: str = ""


def normalise(name: str) -> str:
    """Return `name` without what firmware puts around it: leading and doubled slashes, backslashes, `.`"""
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def split_view(wanted: str) -> tuple[View | None, str]:
    """Split a view from a normalised name: (None, the name) where there is none."""
    folder, slash, rest = wanted.partition("/")
    folder = folder.lower()
    if slash and _SERIAL.fullmatch(folder):
        return View(serial=folder), rest
    if slash and _MAC.fullmatch(folder):
        return View(mac=normalise_mac(folder)), rest
    return None, wanted


def view_folder(mac: str) -> str:
    """The view of a MAC, with its final slash."""
    return mac.replace(":", "-") + "/"


def claimed_mac(wanted: str) -> str | None:
    """The MAC in `pxelinux.cfg/01-MAC` or `grub.cfg-01-MAC`; None where the name holds none."""
    found = _PXELINUX.fullmatch(wanted) or _GRUB.fullmatch(wanted)
    tail = (found[1] or "").lower() if found else ""
    if not tail.startswith("01-"):
        return None
    try:
        return normalise_mac(tail[3:])
    except PlanError:
        return None


def script_kind(wanted: str, *, mac: str, address: IPv4Address | None, uuid: str) -> Kind | None:
    """The script that `wanted` (normalised) is for the machine `mac` at `address`; None where it is none.

    A name that holds another machine's identity is none. `uuid` is "" where it is not known: then any fits.
    """
    fixed = _FIXED.get(wanted)
    if fixed is not None:
        return fixed
    pxelinux, grub = _PXELINUX.fullmatch(wanted), _GRUB.fullmatch(wanted)
    if pxelinux is not None:
        tail = pxelinux[1].lower()
        own = bool(_DEFAULT.fullmatch(tail)) or _is_identity(tail, mac, address)
        own = own or (bool(_UUID.fullmatch(tail)) and uuid.lower() in ("", tail))
        return Kind.PXELINUX if own else None
    if grub is not None and (grub[1] is None or _is_identity(grub[1].lower(), mac, address)):
        return Kind.GRUB
    return None


def _is_identity(tail: str, mac: str, address: IPv4Address | None) -> bool:
    """`01-MAC`, or the address in hexadecimal, whole or cut from the right: C0A80101 ... C."""
    if tail == f"01-{mac.replace(':', '-')}":
        return True
    whole = f"{int(address):08x}" if address is not None else ""
    return bool(_HEX.fullmatch(tail)) and whole.startswith(tail)
