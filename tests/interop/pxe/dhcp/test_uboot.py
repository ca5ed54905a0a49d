"""A real U-Boot under QEMU, no key pressed, gets its address and the name of its script from us."""

import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.hil

BOARD = "52:54:00:00:04:01"
QEMU = "qemu-system-aarch64"
UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")


@pytest.fixture
def board(network):
    """QEMU's words for the board; its console is its standard output."""
    if shutil.which(QEMU) is None or not UBOOT.exists():
        pytest.skip("no emulated board here: apt-get install qemu-system-arm u-boot-qemu")
    link = network.sandbox.link("uboot")
    machine = [QEMU, "-M", "virt", "-cpu", "cortex-a53", "-m", "256", "-display", "none", "-monitor", "none"]
    nic = ["-device", f"virtio-net-device,netdev=net0,mac={BOARD}"]
    return [*machine, "-serial", "stdio", "-bios", str(UBOOT), *link.netdev_args(), *nic]


def test_uboot_binds_and_learns_what_to_load(network, board):
    server = network.serve({BOARD: "10.99.0.80"})
    console = network.run(board)
    asked = server.event("dhcp-received", message="REQUEST", mac=BOARD)
    assert (asked["firmware"], asked["arch"], asked["vendor_class"]) == ("u-boot", "arm64", "U-Boot.armv8")
    told = server.event("dhcp-sent", message="ACK")
    assert (told["ip"], told["bootfile"]) == ("10.99.0.80", "boot.scr.uimg")
    console.line_with("DHCP client bound to address 10.99.0.80")
    console.line_with("TFTP from server 10.99.0.1; our IP address is 10.99.0.80")
    console.line_with("Filename 'boot.scr.uimg'.")
    assert server.leases()[BOARD].state == "bound"
