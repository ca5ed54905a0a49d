"""What the rules about DHCP share: who asked what, and what came of it."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from pxe.explain.evidence import Dhcp, Evidence
from pxe.plan import Firmware
from pxe.wire.dhcp4 import MessageType, Option

SECOND: Final = 1_000_000_000
_NAMES: Final = {
    Firmware.BIOS_PXE: "the PXE ROM",
    Firmware.UEFI_PXE: "the UEFI firmware",
    Firmware.UEFI_HTTP: "UEFI HTTP boot",
    Firmware.IPXE: "iPXE",
    Firmware.UBOOT: "U-Boot",
    Firmware.RASPBERRY_PI: "the Raspberry Pi",
    Firmware.OS: "the operating system",
}


def sent(e: Evidence, *kinds: MessageType) -> list[Dhcp]:
    """The machine's own messages, of these kinds."""
    return [m for m in e.dhcp if not m.from_server and m.kind in kinds]


def discovers(e: Evidence) -> list[Dhcp]:
    """The machine's DISCOVERs."""
    return sent(e, MessageType.DISCOVER)


def requests(e: Evidence) -> list[Dhcp]:
    """Its REQUESTs, but those to a boot server (port 4011)."""
    return [m for m in sent(e, MessageType.REQUEST) if m.dport != 4011]


def replies(e: Evidence, *kinds: MessageType | None) -> list[Dhcp]:
    """What servers sent to it, of these kinds; all where none is given."""
    return [m for m in e.dhcp if m.from_server and (not kinds or m.kind in kinds)]


def offers(e: Evidence) -> list[Dhcp]:
    """Offers, those without option 53 included."""
    return replies(e, MessageType.OFFER, None)


def asker(e: Evidence, reply: Dhcp) -> Dhcp | None:
    """The machine's message that `reply` answers."""
    found = None
    for m in e.dhcp:
        if m.t_ns > reply.t_ns:
            break
        if not m.from_server and m.packet.xid == reply.packet.xid:
            found = m
    return found


def firmware_of(e: Evidence, reply: Dhcp | None = None) -> Firmware:
    """Who asked; without `reply`, who asked last."""
    if reply is not None:
        asked = asker(e, reply)
        return asked.firmware if asked is not None else Firmware.UNKNOWN
    return e.known_askers[-1].firmware if e.known_askers else Firmware.UNKNOWN


def netboots(e: Evidence, reply: Dhcp) -> bool:
    """Whether a firmware asked, and not an operating system."""
    return firmware_of(e, reply) not in (Firmware.OS, Firmware.UNKNOWN)


def who(e: Evidence, reply: Dhcp | None = None) -> str:
    """The client in words."""
    return _words(e, firmware_of(e, reply))


def who_at(e: Evidence, t_ns: int) -> str:
    """The client that had asked DHCP last at that time, in words."""
    asked = asked_at(e, t_ns)
    return _words(e, asked.firmware if asked is not None else Firmware.UNKNOWN)


def asked_at(e: Evidence, t_ns: int) -> Dhcp | None:
    """The last message before `t_ns` that tells which firmware asks."""
    later = bisect_right(e.known_askers, t_ns, key=lambda m: m.t_ns)
    return e.known_askers[later - 1] if later else None


def _words(e: Evidence, firmware: Firmware) -> str:
    """U-Boot tries its own EFI boot after its scripts, and then asks as UEFI does."""
    if firmware is Firmware.UEFI_PXE and any(m.firmware is Firmware.UBOOT for m in e.known_askers):
        return "U-Boot's EFI boot"
    return _NAMES.get(firmware, "the client")


def not_taken(e: Evidence) -> list[Dhcp]:
    """Offers after which the machine asked anew, and did not REQUEST any."""
    last = max((m.t_ns for m in requests(e)), default=-1)
    again = max((m.t_ns for m in discovers(e)), default=-1)
    return [m for m in offers(e) if last < m.t_ns < again]


def sub_options(value: bytes) -> dict[int, bytes]:
    """Option 43's encapsulated options; what is cut short ends them."""
    found, at = {}, 0
    while at + 1 < len(value) and value[at] != 0xFF:
        if value[at] == 0:
            at += 1
            continue
        found[value[at]] = value[at + 2 : at + 2 + value[at + 1]]
        at += 2 + value[at + 1]
    return found


def pxe_options(m: Dhcp) -> dict[int, bytes]:
    """Option 43 of a reply as PXE reads it."""
    return sub_options(m.packet.options.get(Option.VENDOR_SPECIFIC, b""))


def gives_address(m: Dhcp) -> bool:
    """Whether it is of a DHCP server, and not of a proxy."""
    return int(m.packet.yiaddr) != 0


def after(e: Evidence, t_ns: int) -> Iterator[Dhcp]:
    """Messages later than that."""
    return (m for m in e.dhcp if m.t_ns > t_ns)
