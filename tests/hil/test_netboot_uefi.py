"""EDK2 on x86 and arm64: PXE and UEFI HTTP boot, each with the loader that the service chooses for it."""

import pytest

pytestmark = pytest.mark.hil

ORDER = ["uefi", "dhcp-ack", "loader", "kernel", "init"]


def test_x86_pxe_loads_ipxe_which_goes_on_over_http(matrix):
    seen = matrix.boot("x86-pxe")
    assert seen.reached(*ORDER, "up") == [*ORDER, "up"]
    assert seen.clients == [("uefi-pxe", "x86_64"), ("ipxe", "x86_64")]
    assert seen.files("tftp") == ["ipxe.efi"]
    assert seen.files("http") == ["boot.ipxe", "linux", "initrd.gz"]


def test_x86_pxe_with_a_service_without_http(matrix):
    seen = matrix.boot("x86-pxe", http=False)
    assert seen.reached("loader", "up") == ["loader", "up"]
    assert seen.files("tftp") == ["ipxe.efi", "boot.ipxe", "linux", "initrd.gz"]


def test_x86_http_boot(matrix):
    seen = matrix.boot("x86-http")
    assert seen.reached(*ORDER, "up") == [*ORDER, "up"]
    assert seen.clients == [("uefi-http", "x86_64"), ("ipxe", "x86_64")]
    assert seen.bootfiles[0].startswith("http://")
    assert seen.files("http") == ["ipxe.efi", "boot.ipxe", "linux", "initrd.gz"]
    assert seen.files("tftp") == []


def test_arm64_pxe_loads_shim_and_grub_over_tftp_alone(matrix):
    """Debian's GRUB that shim starts has no HTTP: TFTP is its only way, with and without HTTP here."""
    seen = matrix.boot("arm64-pxe")
    assert seen.reached(*ORDER, "up") == [*ORDER, "up"]
    assert seen.clients == [("uefi-pxe", "arm64")]
    assert seen.files("tftp") == ["bootnetaa64.efi", "grubaa64.efi", "grub.cfg", "linux", "initrd.gz"]
    assert seen.files("http") == []


def test_arm64_http_boot(matrix, ipxe_arm64):
    seen = matrix.boot("arm64-http", loader=ipxe_arm64)
    assert seen.reached(*ORDER, "up") == [*ORDER, "up"]
    assert seen.clients == [("uefi-http", "arm64"), ("ipxe", "arm64")]
    assert seen.files("http") == ["ipxe-arm64.efi", "boot.ipxe", "linux", "initrd.gz"]
    assert seen.files("tftp") == []
