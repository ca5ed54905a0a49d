"""U-Boot of Debian 12 on arm64: its script, pxelinux files under every name, and an EFI loader."""

import pytest

pytestmark = pytest.mark.hil

UBOOT = ("u-boot", "arm64")
ORDER = ["u-boot", "dhcp-ack", "kernel-start", "kernel", "init", "up"]
# Over to the next way that the firmware has: its EFI step.
NO_SCRIPT = 'echo "bootlab: nothing in this script"\nfalse'


def typed(*commands):
    """Type `commands` as one line, when U-Boot waits for a key, after it has got an address."""

    def drive(board):
        shell = board.uboot()
        shell.interrupt(30)
        shell.boot(" && ".join(("setenv autoload no", "dhcp", *commands)))

    return drive


def test_its_script(matrix):
    seen = matrix.boot("uboot")
    assert seen.reached(*ORDER) == ORDER
    assert seen.clients == [UBOOT]
    assert seen.files("tftp") == ["boot.scr.uimg", "linux", "initrd.gz"]
    assert seen.files("http") == []


# Debian's build has no pxelinux step of its own, so one line is typed. It asks for its MAC's file first. For
# the names that come later, U-Boot is told another MAC (by address), or the name that it would build.
@pytest.mark.parametrize(
    ("commands", "name"),
    [
        (["pxe get", "pxe boot"], "01-52-54-00-aa-01-01"),
        (["setenv -f ethaddr 52:54:00:aa:01:fe", "pxe get", "pxe boot"], "0A6300{:02X}"),
        (["tftpboot ${pxefile_addr_r} pxelinux.cfg/default-arm", "pxe boot"], "default-arm"),
        (["tftpboot ${pxefile_addr_r} pxelinux.cfg/default", "pxe boot"], "default"),
    ],
    ids=["mac", "address", "arch", "default"],
)
def test_pxelinux(matrix, commands, name):
    seen = matrix.boot("uboot", drive=typed(*commands))
    assert seen.reached(*ORDER) == ORDER
    found = seen.files("tftp")
    assert found[0] == name.format(int(seen.address.rpartition(".")[2]))
    assert found[1:] in (["linux", "initrd.gz"], ["initrd.gz", "linux"])


def test_its_efi_step_starts_grub(matrix):
    """No key and no line: a script that does nothing, and U-Boot goes on to boot an EFI program.

    It is given GRUB itself: shim wants a protocol of PXE firmware that U-Boot's EFI has not.
    """
    # GRUB asks for 1 KiB at a time, through U-Boot's polled card: half a minute on an idle host
    seen = matrix.boot("uboot", templates={"uboot": NO_SCRIPT})
    order = ["u-boot", "dhcp-ack", "kernel", "init", "up"]
    assert seen.reached(*order) == order
    assert seen.clients == [UBOOT, ("uefi-pxe", "arm64")], "its EFI step calls itself PXEClient, arch 11"
    assert seen.files("tftp") == ["boot.scr.uimg", "grubaa64.efi", "grub.cfg", "linux", "initrd.gz"]
