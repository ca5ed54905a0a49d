"""What kind of client sent a DHCP message, from the evidence it carries. Pure: one packet in, one Client out.

Order of the evidence, strongest first; each rule is there because a real firmware needs it:

1. iPXE says so in option 77 or 175. Its options 60 and 93 only repeat those of the firmware below it.
2. Raspberry Pi boot ROMs claim to be an x86 BIOS (60 `PXEClient:Arch:00000`, 93 = 0): the serial in option 97
   or the vendor's MAC prefix gives them away. A Pi 4's REQUEST even lacks option 60.
3. U-Boot names itself in option 60, or has an architecture code of its own.
4. The rest goes by option 93, then by the prefix of option 60.
5. A GRUB that asks again by itself (`net_dhcp`) says next to nothing: the DISCOVER of 2.06 has option 53
   alone, its REQUEST is known by what it asks for in option 55; CoreOS' 2.02 says GRUB2 in option 77.

The architecture is never read from option 60's text: U-Boot's EFI step writes it in decimal in 2023.01 and in
hexadecimal later, and swaps x86 with x86_64.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any
from uuid import UUID

from pxe.plan import Arch, Firmware
from pxe.wire.dhcp4 import DhcpPacket, Option


@dataclass(slots=True, unsafe_hash=True)  # not frozen: see DhcpPacket
class Client:
    """A DHCP client as its message shows it. `uuid` is None where absent or all zero (QEMU: no SMBIOS).

    `serial` is a Raspberry Pi's: 8 hexadecimal digits, the folder from which it fetches its first files.
    `ipxe_http`: an iPXE that was built with HTTP; a network card's own may not be. `sends_uuid`: option 97 is
    there, whatever it says; U-Boot's EFI step calls itself PXEClient like any UEFI and leaves it out.
    `grub`: a GRUB that was loaded before, and asks again for the address and the name of a grub.cfg.
    """

    mac: str
    arch: Arch = Arch.UNKNOWN
    firmware: Firmware = Firmware.UNKNOWN
    uuid: UUID | None = None
    vendor_class: str = ""
    user_class: str = ""
    serial: str = ""
    ipxe_http: bool = False
    sends_uuid: bool = False
    grub: bool = False


# Option 93: IANA "Processor Architecture Types" that we know how to boot, and who sends them.
_BY_CODE: dict[int, tuple[Arch, Firmware]] = {
    0: (Arch.X86, Firmware.BIOS_PXE),
    6: (Arch.X86, Firmware.UEFI_PXE),
    7: (Arch.X86_64, Firmware.UEFI_PXE),
    9: (Arch.X86_64, Firmware.UEFI_PXE),  # "EFI byte code", in practice x64 (RFC 4578 errata)
    10: (Arch.ARM, Firmware.UEFI_PXE),
    11: (Arch.ARM64, Firmware.UEFI_PXE),  # U-Boot's EFI step as well: it wants an EFI program like any other
    15: (Arch.X86, Firmware.UEFI_HTTP),
    16: (Arch.X86_64, Firmware.UEFI_HTTP),
    17: (Arch.X86_64, Firmware.UEFI_HTTP),
    18: (Arch.ARM, Firmware.UEFI_HTTP),
    19: (Arch.ARM64, Firmware.UEFI_HTTP),
    21: (Arch.ARM, Firmware.UBOOT),
    22: (Arch.ARM64, Firmware.UBOOT),
    23: (Arch.ARM, Firmware.UBOOT),  # over HTTP
    24: (Arch.ARM64, Firmware.UBOOT),
    27: (Arch.RISCV64, Firmware.UEFI_PXE),
    28: (Arch.RISCV64, Firmware.UEFI_HTTP),
    41: (Arch.ARM64, Firmware.RASPBERRY_PI),
}

# Option 60 prefixes, longest first, for clients that send no option 93 that we know. A PXE ROM without it is
# older than RFC 4578, and all of those were x86 BIOS. Plain "U-Boot" is its x86 build.
_BY_VENDOR_CLASS: tuple[tuple[str, Arch, Firmware], ...] = (
    ("U-Boot.armv8", Arch.ARM64, Firmware.UBOOT),
    ("U-Boot.arm", Arch.ARM, Firmware.UBOOT),
    ("U-Boot", Arch.UNKNOWN, Firmware.UBOOT),
    ("HTTPClient", Arch.UNKNOWN, Firmware.UEFI_HTTP),
    ("PXEClient", Arch.X86, Firmware.BIOS_PXE),
)

# Option 55 of GRUB 2.06's REQUEST, whole and in its order: netmask, router, DNS, domain, host, 17, 18, 60
_GRUB_ASKS_FOR = bytes((1, 3, 6, 15, 12, 17, 18, 60))
_GRUB_2_02 = "GRUB2"

_IPXE_HTTP = 0x13  # in option 175, which is encapsulated: iPXE's features, each a code with the value 1

_RASPBERRY_PI_MACS = ("b8:27:eb", "dc:a6:32", "e4:5f:01", "28:cd:c1", "d8:3a:dd", "2c:cf:67", "88:a2:9e")
_RASPBERRY_PI_UUID = re.compile(rb"\x00RPi[0-9]", re.DOTALL)
_BOOT_OPTIONS = (
    Option.CLIENT_ARCH,
    Option.CLIENT_NDI,
    Option.CLIENT_UUID,
    Option.IPXE,
    Option.VENDOR_SPECIFIC,
)
# All that `_client` goes by; plain numbers, which are looked up faster.
_EVIDENCE = tuple(
    int(code)
    for code in (Option.VENDOR_CLASS, Option.USER_CLASS, Option.PARAMETER_REQUEST_LIST, *_BOOT_OPTIONS)
)


def classify(packet: DhcpPacket) -> Client:
    """Return who sent `packet`; total: what cannot be told is UNKNOWN."""
    options, mac = packet.options, packet.mac
    evidence = tuple([options.get(code) for code in _EVIDENCE])
    return Client(mac, *_told(evidence, mac.startswith(_RASPBERRY_PI_MACS)))


@lru_cache(maxsize=4096)
def _told(evidence: tuple[bytes | None, ...], pi_mac: bool) -> tuple[Any, ...]:
    """What these options tell: the fields of a Client after its MAC, in order. Cached: a machine says the
    same of itself in every message, and most machines of a rack what their neighbours say."""
    options = {code: value for code, value in zip(_EVIDENCE, evidence, strict=True) if value is not None}
    vendor_class = _text(options.get(Option.VENDOR_CLASS, b""))
    user_class = _user_class(options.get(Option.USER_CLASS, b""))
    arch, firmware = _kind(options, vendor_class, user_class, pi_mac)
    told = Client(
        "",
        arch=arch,
        firmware=firmware,
        uuid=_uuid(options.get(Option.CLIENT_UUID, b"")),
        vendor_class=vendor_class,
        user_class=user_class,
        serial=_raspberry_pi_serial(options.get(Option.CLIENT_UUID, b"")),
        ipxe_http=_IPXE_HTTP in _codes(options.get(Option.IPXE, b"")),
        sends_uuid=Option.CLIENT_UUID in options,
        grub=_is_grub(options, user_class),
    )
    return tuple(getattr(told, field.name) for field in fields(told))[1:]


def _kind(
    options: Mapping[int, bytes], vendor_class: str, user_class: str, pi_mac: bool
) -> tuple[Arch, Firmware]:
    arch, firmware = _by_code(options.get(Option.CLIENT_ARCH, b""))
    if user_class == _GRUB_2_02:  # its option 93 would make it the firmware, which begins a boot
        return arch, Firmware.OS
    if user_class in ("iPXE", "gPXE") or Option.IPXE in options:
        return arch, Firmware.IPXE
    if _is_raspberry_pi(options, arch, vendor_class, pi_mac):
        return Arch.ARM64, Firmware.RASPBERRY_PI
    for prefix, vendor_arch, vendor_firmware in _BY_VENDOR_CLASS:
        if vendor_class.startswith(prefix):
            if arch is Arch.UNKNOWN:
                return vendor_arch, vendor_firmware
            # U-Boot on x86 says 93 = 0 like a BIOS; UEFI says PXEClient like a BIOS: believe the odd one.
            return arch, vendor_firmware if vendor_firmware is not Firmware.BIOS_PXE else firmware
    if firmware is Firmware.UNKNOWN and not any(code in options for code in _BOOT_OPTIONS):
        return arch, Firmware.OS
    return arch, firmware


def _is_grub(options: Mapping[int, bytes], user_class: str) -> bool:
    if user_class == _GRUB_2_02:
        return True
    alone = not any(code in options for code in (Option.VENDOR_CLASS, Option.USER_CLASS, *_BOOT_OPTIONS))
    return alone and options.get(Option.PARAMETER_REQUEST_LIST) == _GRUB_ASKS_FOR


def _by_code(value: bytes) -> tuple[Arch, Firmware]:
    """Option 93 is a list of u16: the first that we know counts; an odd last byte is noise."""
    for at in range(0, len(value) - 1, 2):
        known = _BY_CODE.get(int.from_bytes(value[at : at + 2]))
        if known is not None:
            return known
    return Arch.UNKNOWN, Firmware.UNKNOWN


def _is_raspberry_pi(options: Mapping[int, bytes], arch: Arch, vendor_class: str, pi_mac: bool) -> bool:
    if _RASPBERRY_PI_UUID.match(options.get(Option.CLIENT_UUID, b"")):
        return True
    # Pi 3: nothing in option 97 tells. Linux or U-Boot on the same board has the same MAC but no x86 claim.
    claims_bios = arch is Arch.X86 and (vendor_class == "" or vendor_class.startswith("PXEClient"))
    return claims_bios and pi_mac


def _raspberry_pi_serial(value: bytes) -> str:
    """Option 97 of a Pi 4 or later: a type byte 0, then little-endian words: "RPi4", board, MAC, serial."""
    if len(value) != 17 or not _RASPBERRY_PI_UUID.match(value):
        return ""
    return f"{int.from_bytes(value[13:], 'little'):08x}"


def _codes(value: bytes) -> set[int]:
    """The codes in encapsulated options (code, length, value); what is cut short ends them."""
    codes, at = set(), 0
    while at + 1 < len(value) and value[at] != 0xFF:
        codes.add(value[at])
        at += 2 + value[at + 1]
    return codes


def _user_class(value: bytes) -> str:
    """Option 77: RFC 3004 wants a length byte before each class, iPXE sends the raw string: take both."""
    if len(value) > 1 and value[0] <= len(value) - 1:
        return _text(value[1 : 1 + value[0]])
    return _text(value)


def _uuid(value: bytes) -> UUID | None:
    """Option 97: a type byte 0 and 16 bytes in SMBIOS order (first three fields little-endian)."""
    if len(value) != 17 or value[0] != 0 or not any(value[1:]):
        return None
    return UUID(bytes_le=value[1:])


def _text(value: bytes) -> str:
    """Printable ASCII of `value`: it goes into logs and pages, so nothing else may pass."""
    return "".join(chr(b) if 32 <= b < 127 else "?" for b in value.rstrip(b"\0"))
