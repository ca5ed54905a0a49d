"""The same firmware where dnsmasq gives the addresses, and our service is its proxy."""

import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.hil, pytest.mark.interop]


# GRUB and U-Boot ask the server that the one ACK names. docs/dhcp.md has these lines, too.
def naming_us_to(*lines):
    return pytest.mark.parametrize("beside", [lines], indirect=True, ids=["next-server"])


def booted(seen, *, by_4011=False):
    """It got to the end, and no address of ours on the way; an ACK of ours goes out from port 4011 alone."""
    assert seen.reached("kernel", "init", "up") == ["kernel", "init", "up"]
    assert seen.granted == []
    assert bool(seen.bootfiles) == by_4011


def test_x86_uefi_pxe(beside):
    seen = beside.boot("x86-pxe")
    booted(seen)
    assert seen.clients[:2] == [("uefi-pxe", "x86_64"), ("ipxe", "x86_64")]
    assert seen.files("tftp") == ["ipxe.efi"]
    assert seen.files("http") == ["boot.ipxe", "linux", "initrd.gz"]


def test_x86_uefi_http(beside):
    seen = beside.boot("x86-http")
    booted(seen)
    assert seen.files("http") == ["ipxe.efi", "boot.ipxe", "linux", "initrd.gz"]


def test_x86_bios_with_ipxe(beside):
    seen = beside.boot("bios")
    booted(seen)
    assert seen.clients == [("ipxe", "x86")]
    assert seen.files("http") == ["boot.ipxe", "linux", "initrd.gz"]


@pytest.fixture
def only_4011(beside):
    """Port 67 of our service hears nothing; another proxy, without a file, names us as its server."""
    sandbox = beside.session().sandbox
    drop = "table ip drop67 { chain in { type filter hook input priority 0; udp dport 67 drop; }; }"
    assert sandbox.run(["nft", drop]).returncode == 0
    argv = [sys.executable, "-m", "lab.testing.plugged", f"{sandbox.bridge},52:54:00:aa:02:03,10.99.0.3/24"]
    proxy = sandbox.spawn(
        [*argv, sys.executable, str(Path(__file__).with_name("bareproxy.py")), str(sandbox.address)]
    )
    yield beside
    assert proxy.poll() is None
    proxy.terminate()
    proxy.wait(10)
    assert sandbox.run(["nft", "delete table ip drop67"]).returncode == 0


def test_ipxe_asks_at_port_4011_where_a_proxys_offer_has_no_file(only_4011):
    seen = only_4011.boot("bios")
    booted(seen, by_4011=True)
    assert seen.files("http") == ["boot.ipxe", "linux", "initrd.gz"]


def test_arm64_uefi_pxe_with_ipxe(beside, ipxe_arm64):
    seen = beside.boot("arm64-pxe", loader=ipxe_arm64)
    booted(seen)
    assert seen.clients == [("uefi-pxe", "arm64"), ("ipxe", "arm64")]
    assert seen.files("tftp") == ["ipxe-arm64.efi"]
    assert seen.files("http") == ["boot.ipxe", "linux", "initrd.gz"]


@pytest.mark.timeout(600)
@naming_us_to("--dhcp-match=set:arm64,option:client-arch,11", "--dhcp-boot=tag:arm64,,,10.99.0.1")
def test_arm64_uefi_pxe_with_grub(beside):
    seen = beside.boot("arm64-pxe")
    booted(seen)
    assert seen.clients == [("uefi-pxe", "arm64")]
    assert seen.files("tftp") == ["bootnetaa64.efi", "grubaa64.efi", "grub.cfg", "linux", "initrd.gz"]


@naming_us_to("--dhcp-vendorclass=set:uboot,U-Boot", "--dhcp-boot=tag:uboot,boot.scr.uimg,,10.99.0.1")
def test_uboot(beside):
    """Debian's takes no proxy's offer: it is built without CONFIG_SERVERIP_FROM_PROXYDHCP."""
    seen = beside.boot("uboot")
    booted(seen)
    assert seen.clients == [("u-boot", "arm64")]
    assert seen.files("tftp") == ["boot.scr.uimg", "linux", "initrd.gz"]
