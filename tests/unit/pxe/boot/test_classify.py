"""Who is asking: one row per firmware, as its packets look on the wire."""

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import UDP
from scapy.utils import rdpcap

from pxe.boot.classify import classify
from pxe.plan import Arch, Firmware
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option, decode

UBOOT_PCAP = Path(__file__).parents[3] / "data" / "dhcp-uboot-2023.01.pcap"
BIOS_CLASS = b"PXEClient:Arch:00000:UNDI:002001"
QEMU_MAC = "52:54:00:12:34:56"
PI3_MAC = "b8:27:eb:01:02:03"
PI4_UUID = b"\x00RPi4" + bytes.fromhex("c03111dc00a6320102036789")


def packet(mac: str = QEMU_MAC, **options: bytes) -> DhcpPacket:
    by_code = {Option[name]: value for name, value in options.items()}
    return DhcpPacket(op=Op.REQUEST, xid=1, chaddr=bytes.fromhex(mac.replace(":", "")), options=by_code)


def arch(*codes: int) -> bytes:
    return b"".join(code.to_bytes(2) for code in codes)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(
            packet(VENDOR_CLASS=b"U-Boot.armv8", CLIENT_ARCH=arch(22)),
            (Firmware.UBOOT, Arch.ARM64),
            id="U-Boot arm64",
        ),
        pytest.param(
            packet(VENDOR_CLASS=b"U-Boot.armv7", CLIENT_ARCH=arch(21)),
            (Firmware.UBOOT, Arch.ARM),
            id="U-Boot arm",
        ),
        pytest.param(
            packet(VENDOR_CLASS=b"U-Boot", CLIENT_ARCH=arch(0)),
            (Firmware.UBOOT, Arch.X86),
            id="U-Boot x86 with a BIOS's code",
        ),
        pytest.param(packet(VENDOR_CLASS=b"U-Boot"), (Firmware.UBOOT, Arch.UNKNOWN), id="U-Boot, no 93"),
        pytest.param(
            packet(VENDOR_CLASS=b"U-Boot.armv8"), (Firmware.UBOOT, Arch.ARM64), id="U-Boot arm64, no 93"
        ),
        pytest.param(
            packet(VENDOR_CLASS=b"PXEClient:Arch:00011:UNDI:003000", CLIENT_ARCH=arch(11)),
            (Firmware.UEFI_PXE, Arch.ARM64),
            id="U-Boot 2023.01's EFI step, decimal in option 60",
        ),
        pytest.param(
            packet(VENDOR_CLASS=b"PXEClient:Arch:0000b:UNDI:003000", CLIENT_ARCH=arch(11)),
            (Firmware.UEFI_PXE, Arch.ARM64),
            id="U-Boot 2025.01's EFI step, hexadecimal in option 60",
        ),
        pytest.param(
            packet(VENDOR_CLASS=BIOS_CLASS, CLIENT_ARCH=arch(0)), (Firmware.BIOS_PXE, Arch.X86), id="BIOS"
        ),
        pytest.param(
            packet(VENDOR_CLASS=b"PXEClient"), (Firmware.BIOS_PXE, Arch.X86), id="PXE before RFC 4578"
        ),
        pytest.param(
            packet(VENDOR_CLASS=b"PXEClient:Arch:00007:UNDI:003000", CLIENT_ARCH=arch(7)),
            (Firmware.UEFI_PXE, Arch.X86_64),
            id="EDK2 x64",
        ),
        pytest.param(
            packet(VENDOR_CLASS=b"PXEClient:Arch:00009:UNDI:003000", CLIENT_ARCH=arch(9)),
            (Firmware.UEFI_PXE, Arch.X86_64),
            id="byte code means x64",
        ),
        pytest.param(
            packet(VENDOR_CLASS=b"HTTPClient:Arch:00019:UNDI:003000", CLIENT_ARCH=arch(19)),
            (Firmware.UEFI_HTTP, Arch.ARM64),
            id="UEFI HTTP arm64",
        ),
        pytest.param(
            packet(VENDOR_CLASS=BIOS_CLASS, CLIENT_ARCH=arch(0), USER_CLASS=b"iPXE"),
            (Firmware.IPXE, Arch.X86),
            id="iPXE, raw user class",
        ),
        pytest.param(
            packet(VENDOR_CLASS=BIOS_CLASS, CLIENT_ARCH=arch(7), USER_CLASS=b"\x04iPXE"),
            (Firmware.IPXE, Arch.X86_64),
            id="iPXE, user class as in RFC 3004",
        ),
        pytest.param(
            packet(VENDOR_CLASS=BIOS_CLASS, CLIENT_ARCH=arch(0), USER_CLASS=b"lab", IPXE=b"\x13\x01\x01"),
            (Firmware.IPXE, Arch.X86),
            id="iPXE with a user class of the site's own",
        ),
        pytest.param(
            packet(PI3_MAC, VENDOR_CLASS=BIOS_CLASS, CLIENT_ARCH=arch(0)),
            (Firmware.RASPBERRY_PI, Arch.ARM64),
            id="Raspberry Pi 3, says it were a BIOS",
        ),
        pytest.param(
            packet(VENDOR_CLASS=BIOS_CLASS, CLIENT_ARCH=arch(0), CLIENT_UUID=PI4_UUID),
            (Firmware.RASPBERRY_PI, Arch.ARM64),
            id="Raspberry Pi 4, by its serial",
        ),
        pytest.param(
            packet(CLIENT_ARCH=arch(0), CLIENT_UUID=PI4_UUID),
            (Firmware.RASPBERRY_PI, Arch.ARM64),
            id="Raspberry Pi 4's REQUEST, without option 60",
        ),
        pytest.param(
            packet(PI3_MAC, VENDOR_CLASS=b"U-Boot.armv8", CLIENT_ARCH=arch(22)),
            (Firmware.UBOOT, Arch.ARM64),
            id="U-Boot on a Raspberry Pi",
        ),
        pytest.param(
            packet(PI3_MAC, VENDOR_CLASS=b"udhcp 1.35.0"), (Firmware.OS, Arch.UNKNOWN), id="Linux on a Pi"
        ),
        pytest.param(packet(VENDOR_CLASS=b"udhcp 1.35.0"), (Firmware.OS, Arch.UNKNOWN), id="udhcpc"),
        pytest.param(packet(), (Firmware.OS, Arch.UNKNOWN), id="no options at all"),
        pytest.param(
            packet(CLIENT_NDI=b"\1\3\0"), (Firmware.UNKNOWN, Arch.UNKNOWN), id="some other boot ROM"
        ),
        pytest.param(
            packet(CLIENT_ARCH=arch(4, 22)), (Firmware.UBOOT, Arch.ARM64), id="the first code that is known"
        ),
        pytest.param(
            packet(CLIENT_ARCH=b"\0\x16\0"), (Firmware.UBOOT, Arch.ARM64), id="an odd byte too many"
        ),
        pytest.param(packet(CLIENT_ARCH=b"\x07"), (Firmware.UNKNOWN, Arch.UNKNOWN), id="half a code"),
    ],
)
def test_firmware_and_architecture(sent, expected):
    client = classify(sent)
    assert (client.firmware, client.arch) == expected


def test_the_recorded_uboot_asks_as_itself_and_then_as_efi():
    asked = [decode(bytes(frame[UDP].payload)) for frame in rdpcap(str(UBOOT_PCAP))]
    clients = [classify(p) for p in asked if p.op == Op.REQUEST and p.message_type is MessageType.REQUEST]
    assert [(c.firmware, c.arch, c.vendor_class) for c in clients] == [
        (Firmware.UBOOT, Arch.ARM64, "U-Boot.armv8"),
        (Firmware.UEFI_PXE, Arch.ARM64, "PXEClient:Arch:00011:UNDI:003000"),
    ]


def test_uuid_is_in_smbios_order():
    sent = packet(CLIENT_UUID=b"\0" + bytes(range(16)))
    assert classify(sent).uuid == UUID("03020100-0504-0706-0809-0a0b0c0d0e0f")


@pytest.mark.parametrize("value", [b"", bytes(17), b"\0" * 16, b"\x01" * 17])
def test_a_uuid_that_names_nobody_is_none(value):
    assert classify(packet(CLIENT_UUID=value)).uuid is None


def test_text_is_made_safe_for_logs():
    assert classify(packet(VENDOR_CLASS=b"evil\n\x1b[2Jname\0")).vendor_class == "evil??[2Jname"


@given(
    st.dictionaries(
        st.sampled_from([Option.CLIENT_ARCH, Option.VENDOR_CLASS, Option.USER_CLASS, Option.CLIENT_UUID]),
        st.binary(max_size=40),
    ),
    st.binary(max_size=16),
)
def test_nothing_breaks_it(options, chaddr):
    sent = DhcpPacket(op=Op.REQUEST, xid=1, hlen=len(chaddr), chaddr=chaddr, options=options)
    client = classify(sent)
    assert client.vendor_class.isprintable()
    assert client.user_class.isprintable()


@pytest.mark.parametrize(
    ("features", "http"),
    [
        (b"\x13\x01\x01", True),
        (b"\xb1\x05\x01\x80\x86\x10\x0e\x13\x01\x01\x15\x01\x01", True),
        (b"\x15\x01\x01", False),
        (b"\xb1\x02\x13\x13", False),  # in a value, not a code
        (b"\xff\x13\x01\x01", False),
        (b"\xb1\xff", False),
        (b"\x13", False),
        (b"", False),
    ],
)
def test_ipxe_says_whether_it_has_http(features, http):
    assert classify(packet(USER_CLASS=b"iPXE", IPXE=features)).ipxe_http is http


def test_a_grub_2_06_is_known_by_what_its_request_asks_for():
    """Debian's 2.06 in QEMU: DISCOVER has option 53 alone, REQUEST 53, 54, 50 and 55."""
    wanted = bytes.fromhex("0103060f0c11123c")
    found = classify(packet(PARAMETER_REQUEST_LIST=wanted))
    assert (found.grub, found.firmware) == (True, Firmware.OS)  # it begins no boot
    assert not classify(packet()).grub
    assert not classify(packet(PARAMETER_REQUEST_LIST=wanted[:-1])).grub
    assert not classify(packet(PARAMETER_REQUEST_LIST=wanted, VENDOR_CLASS=b"udhcp 1.36")).grub


def test_a_grub_of_coreos_says_its_name_beside_the_firmwares_architecture():
    found = classify(packet(USER_CLASS=b"\x05GRUB2", CLIENT_ARCH=arch(7)))
    assert (found.grub, found.firmware, found.arch) == (True, Firmware.OS, Arch.X86_64)
