"""The same firmware where dnsmasq gives the addresses, and our service is its proxy."""

import shutil
import sys

import pytest

pytestmark = [pytest.mark.hil, pytest.mark.interop]

DNSMASQ = "52:54:00:aa:02:02,10.99.0.2/24"


@pytest.fixture(scope="module")
def beside(proxied):
    """The matrix with dnsmasq as its DHCP server, which does with U-Boot what docs/dhcp.md says."""
    program = shutil.which("dnsmasq") or pytest.skip("dnsmasq is not here: apt-get install dnsmasq-base")
    if not proxied.board("bios").emulated:
        pytest.skip("dnsmasq serves the network of emulated places")
    sandbox = proxied.session().sandbox
    log = sandbox.runtime_dir / "dnsmasq.log"
    argv = [
        sys.executable,
        "-m",
        "lab.testing.plugged",
        f"{sandbox.bridge},{DNSMASQ}",
        program,
        "--no-daemon",
    ]
    argv += ["--port=0", "--conf-file=/dev/null", "--user=root", "--log-dhcp", "--no-ping", "--leasefile-ro"]
    argv += ["--interface=eth0", "--bind-interfaces", "--dhcp-range=10.99.0.200,10.99.0.220,1h"]
    argv += ["--dhcp-vendorclass=set:uboot,U-Boot", "--dhcp-boot=tag:uboot,boot.scr.uimg,,10.99.0.1"]
    with log.open("wb") as file:
        process = sandbox.spawn(argv, stdout=file, stderr=file)
    yield proxied
    assert process.poll() is None, log.read_text(errors="replace")
    process.terminate()
    process.wait(10)


def booted(seen):
    """It got to the end, and no address of ours on the way."""
    assert seen.reached("kernel", "init", "up") == ["kernel", "init", "up"]
    assert seen.granted == []


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


def test_arm64_uefi_pxe(beside):
    seen = beside.boot("arm64-pxe")
    booted(seen)
    assert seen.clients == [("uefi-pxe", "arm64")]
    assert seen.files("tftp") == ["bootnetaa64.efi", "grubaa64.efi", "grub.cfg", "linux", "initrd.gz"]


def test_uboot_whose_file_and_server_dnsmasq_names(beside):
    """Debian's U-Boot takes no proxy's offer (no CONFIG_SERVERIP_FROM_PROXYDHCP)."""
    seen = beside.boot("uboot")
    booted(seen)
    assert seen.clients == [("u-boot", "arm64")]
    assert seen.files("tftp") == ["boot.scr.uimg", "linux", "initrd.gz"]
