"""proxyDHCP: the messages of real firmware, as their sources and recordings show them, and what each gets."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest
from scapy.layers.dhcp import BOOTP, DHCP

from pxe.boot.classify import Client
from pxe.boot.proxy import answer_binl, answer_proxy
from pxe.boot.reply import BROADCAST, Destination
from pxe.boot.select import Choice
from pxe.errors import PlanError
from pxe.plan import BootPlan, Firmware, Machine, Selector
from pxe.settings import DhcpMode, DhcpPolicy, DhcpSettings
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Option, decode, encode

MAC = "52:54:00:00:00:0a"
US = IPv4Address("10.0.0.5")
SETTINGS = DhcpSettings(interface="eth0", address=IPv4Interface("10.0.0.5/24"), mode=DhcpMode.PROXY)
LEASED = IPv4Address("10.0.0.100")
GUID = bytes(1) + bytes(range(16))


class Directory:
    def __init__(self, file: str = "boot.efi") -> None:
        self.file = file

    def machine(self, mac: str) -> Machine | None:
        return Machine(mac=mac, plan="p") if mac.startswith(("52:54:00", "b8:27:eb", "dc:a6:32")) else None

    def admit(self, client: Client, now: float) -> Machine | None:
        return self.machine(client.mac)

    def choice(self, mac: str, address=None) -> Choice:
        return Choice(plan=BootPlan(name="p"), why="its plan")

    def reserved_for(self, ip: IPv4Address) -> str | None:
        return None

    def bootfile(self, mac: str, client: Client, address=None, server=None) -> str:
        return self.file


def sent(kind: str, mac: str = MAC, flags: int = 0, ciaddr: str = "0.0.0.0", **options) -> DhcpPacket:
    """A client's message, made by scapy."""
    pairs = [("message-type", kind), *options.items()]
    header = BOOTP(chaddr=bytes.fromhex(mac.replace(":", "")), xid=9, flags=flags, ciaddr=ciaddr)
    return decode(bytes(header / DHCP(options=[*pairs, "end"])))


def raw(packet: DhcpPacket, **options: bytes) -> DhcpPacket:
    more = {Option[name]: value for name, value in options.items()}
    return replace(packet, options={**packet.options, **more})


def firmware(vendor: bytes, arch: int, size: int = 1472, **fields) -> DhcpPacket:
    packet = sent("discover", max_dhcp_size=size, vendor_class_id=vendor, **fields)
    return raw(packet, CLIENT_ARCH=arch.to_bytes(2), CLIENT_NDI=b"\1\3\0")


EDK2 = raw(firmware(b"PXEClient:Arch:00007:UNDI:003000", 7, flags=0x8000), CLIENT_UUID=GUID)
EDK2_HTTP = raw(firmware(b"HTTPClient:Arch:00016:UNDI:003000", 16, flags=0x8000), CLIENT_UUID=GUID)
IPXE = raw(
    firmware(b"PXEClient:Arch:00000:UNDI:002001", 0), USER_CLASS=b"iPXE", IPXE=b"\x13\1\1", CLIENT_UUID=GUID
)
UBOOT = firmware(b"U-Boot.armv8", 22, 576)
UBOOT_EFI = firmware(b"PXEClient:Arch:0000b:UNDI:003000", 11, 576)  # as PXE firmware, but without option 97
SMALL_UEFI = raw(firmware(b"PXEClient:Arch:00011:UNDI:003000", 11, 576), CLIENT_UUID=GUID)
PI3 = raw(firmware(b"PXEClient:Arch:00000:UNDI:002001", 0, mac="b8:27:eb:00:00:01"), CLIENT_UUID=bytes(17))
PI4 = raw(
    firmware(b"PXEClient:Arch:00000:UNDI:002001", 0, mac="dc:a6:32:00:00:01"),
    CLIENT_UUID=b"\0RPi4" + bytes(12),
)
OS = sent("discover")


def ask(packet: DhcpPacket, directory: Directory | None = None, settings: DhcpSettings = SETTINGS):
    decision = answer_proxy(packet, settings=settings, directory=directory or Directory(), now=0.0)
    if decision.reply is not None:
        assert decode(encode(decision.reply)) == decision.reply
    return decision


@pytest.mark.parametrize(
    ("packet", "vendor", "menu"),
    [
        (EDK2, b"PXEClient", b"\6\1\x08\xff"),
        (EDK2_HTTP, b"HTTPClient", None),
        (IPXE, b"PXEClient", b"\6\1\x08\xff"),
        (SMALL_UEFI, b"PXEClient", b"\6\1\x08\xff"),
        (PI3, b"PXEClient", b"\6\1\3\x0a\4\0PXE\x09\x14\0\0\x11Raspberry Pi Boot\xff"),
        (PI4, b"PXEClient", b"\6\1\3\x0a\4\0PXE\x09\x14\0\0\x11Raspberry Pi Boot\xff"),
    ],
    ids=["edk2", "edk2-http", "ipxe", "uefi-576", "pi3", "pi4"],
)
def test_firmware_that_takes_a_proxys_offer_gets_one_without_an_address(packet, vendor, menu):
    decision = ask(packet)
    reply = decision.reply
    assert reply.message_type is MessageType.OFFER
    assert (reply.yiaddr, reply.siaddr) == (IPv4Address(0), US)
    assert reply.options[Option.SERVER_ID] == US.packed
    assert reply.options[Option.VENDOR_CLASS] == vendor
    assert reply.options.get(Option.VENDOR_SPECIFIC) == menu
    assert reply.options.get(Option.CLIENT_UUID) == packet.options.get(Option.CLIENT_UUID)
    assert not {Option.LEASE_TIME, Option.SUBNET_MASK, Option.ROUTER} & set(reply.options)
    assert (decision.lease, decision.destination) == (None, Destination(BROADCAST, 68))


@pytest.mark.parametrize("packet", [EDK2, IPXE], ids=["edk2", "ipxe"])
def test_the_file_is_in_the_header_and_in_option_67(packet):
    reply = ask(packet).reply
    assert (reply.file, reply.options[Option.BOOTFILE_NAME]) == (b"boot.efi", b"boot.efi")


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (UBOOT, "u-boot takes no proxyDHCP offer"),
        (UBOOT_EFI, "U-Boot's EFI step takes the first offer whole"),
        (OS, "os takes no proxyDHCP offer"),
        (replace(EDK2, chaddr=bytes(5) + b"\1"), "no machine 00:00:00:00:00:01: add it"),
    ],
    ids=["u-boot", "u-boot-efi", "os", "stranger"],
)
def test_others_are_left_to_the_dhcp_server_and_the_reason_is_said(packet, why):
    decision = ask(packet)
    assert decision.reply is None
    assert why in decision.reason
    assert decision.ignored(1).elsewhere == (packet.mac == MAC), "no failure, but for a stranger"


def test_a_machine_with_nothing_to_boot_is_left_to_the_dhcp_server():
    assert ask(EDK2, Directory("")).reason == "nothing to boot from us: its plan"


def test_where_the_loader_is_missing_nothing_is_offered_and_the_reason_is_said():
    class Bare(Directory):
        def bootfile(self, *_args) -> str:
            raise PlanError("UEFI HTTP boot: HTTP is off here")

    assert (ask(EDK2_HTTP, Bare()).reply, ask(EDK2_HTTP, Bare()).reason) == (
        None, "UEFI HTTP boot: HTTP is off here"
    )  # fmt: skip


def test_a_policy_holds_for_the_proxy_too():
    slow = DhcpPolicy(name="slow", when=Selector(firmware=Firmware.UEFI_PXE), delay_seconds=1.0)
    assert ask(EDK2, settings=replace(SETTINGS, policies=(slow,))).delay_seconds == 1.0


def request(**options) -> DhcpPacket:
    return sent("request", requested_addr=str(LEASED), **options)


def test_the_address_of_a_client_is_learned_from_its_request_to_the_other_server():
    decision = ask(request(server_id="10.0.0.1"))
    assert (decision.reply, decision.lease, decision.learned) == (None, None, LEASED)
    assert (decision.reason, decision.other_server) == ("", None)


def test_binl_answers_to_where_the_request_came_from():
    packet = raw(sent("request", ciaddr=str(LEASED)), VENDOR_CLASS=b"PXEClient:Arch:00007")
    packet = raw(packet, CLIENT_ARCH=b"\0\7")
    decision = answer_binl(packet, (LEASED, 4011), settings=SETTINGS, directory=Directory(), now=0.0)
    assert decision.reply.message_type is MessageType.ACK
    assert (decision.reply.file, decision.reply.siaddr) == (b"boot.efi", US)
    assert (decision.destination, decision.learned) == (Destination(LEASED, 4011), LEASED)


def test_binl_sends_nothing_to_third_parties():
    packet = raw(sent("request", ciaddr="10.0.0.77"), VENDOR_CLASS=b"PXEClient:Arch:00007")
    decision = answer_binl(packet, (LEASED, 4011), settings=SETTINGS, directory=Directory(), now=0.0)
    assert decision.reply is None
    assert "says its address is 10.0.0.77" in decision.reason
