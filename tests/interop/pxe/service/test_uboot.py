"""Our boot scripts in a real U-Boot: what it says, what it refuses, what reaches the kernel's command line.

QEMU's own TFTP server hands them out: this is about the scripts, not about our servers.
"""

import os
import select
import shutil
import subprocess
import time
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from pxe.boot.render import Scene, boot_script, grub_config, pxelinux_config, refusal_script
from pxe.boot.uimage import script_image
from pxe.plan import Action, Asset, BootPlan

pytestmark = [pytest.mark.interop, pytest.mark.hil]

QEMU = "qemu-system-aarch64"
UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")
SCENE = Scene(server=IPv4Address("10.0.2.2"))
PROMPT = b"\n=> "
GRUB = Path("/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64/grubaa64.efi")
SIZES = {"vmlinuz": 1000, "debian/initrd.gz": 2345, "board.dtb": 77, "my.efi": 77}

PLAN = BootPlan(
    name="p",
    kernel=Asset("vmlinuz", Path("/k")),
    initrd=Asset("debian/initrd.gz", Path("/i")),
    cmdline='console=ttyAMA0 ds=nocloud;s=http://{server}/ x="a b" & | > < a#b ! ~ * ? [1] %',
)
WITH_DTB = replace(PLAN, dtb=Asset("board.dtb", Path("/d")))
CMDLINE = PLAN.cmdline.replace("{server}", "10.0.2.2")


class Console:
    """The serial console of an emulated board: a line typed, all that comes until the prompt is back."""

    def __init__(self, folder: Path) -> None:
        machine = [QEMU, *["-M", "virt"], *["-cpu", "cortex-a53"], *["-m", "512"]]
        machine += [*["-display", "none"], *["-monitor", "none"]]
        nic = ["-netdev", f"user,id=n0,tftp={folder}", "-device", "virtio-net-device,netdev=n0"]
        self.process = subprocess.Popen(
            [*machine, "-serial", "stdio", "-bios", str(UBOOT), *nic],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def until(self, mark: bytes, seconds: float = 60.0) -> str:
        got, deadline = b"", time.monotonic() + seconds
        while mark not in got:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{mark!r} did not come; the last lines: {got[-500:]!r}"
            got += os.read(self.process.stdout.fileno(), 4096).replace(b"\r", b"")
        return got.decode(errors="replace")

    def run(self, command: str) -> str:
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self.until(PROMPT).partition("\n")[2]  # without the echo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tftp")
    for name, size in SIZES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    return folder


@pytest.fixture(scope="module")
def console(folder):
    if shutil.which(QEMU) is None or not UBOOT.exists():
        pytest.skip("no emulated board here: apt-get install qemu-system-arm u-boot-qemu")
    console = Console(folder)
    try:
        console.until(b"Hit any key to stop autoboot")
        console.run("")
        console.run("setenv autoload no; dhcp")
        yield console
    finally:
        console.process.kill()
        console.process.communicate(timeout=30)


@pytest.fixture
def source(console, folder):
    def run(script):
        (folder / "script").write_bytes(script_image(script))
        console.run("setenv bootargs; tftpboot ${scriptaddr} script")
        return console.run("if source ${scriptaddr}; then echo came back well; else echo came back bad; fi")

    return run


def test_a_good_plan_gets_as_far_as_booti_with_its_command_line(source, console):
    said = source(boot_script(PLAN, SIZES, SCENE))
    lines = [line for line in said.splitlines() if line.startswith(("bootlab: ", "Bad Linux", "came back"))]
    assert lines == [
        "bootlab: plan p",
        "bootlab: kernel vmlinuz, 1000 bytes",
        "bootlab: initrd debian/initrd.gz, 2345 bytes",
        "bootlab: starting the kernel",
        "Bad Linux ARM64 Image magic!",
        "bootlab: cannot boot: booti does not take vmlinuz; is it an arm64 Image?",
        "came back bad",
    ]
    assert f"bootargs={CMDLINE}\n" in console.run("printenv bootargs")


def test_filesize_is_the_initrds_when_booti_runs(source, console):
    source(boot_script(replace(WITH_DTB, fdt_address="0x4a000000"), SIZES, SCENE))
    assert f"filesize={2345:x}\n" in console.run("printenv filesize")


@pytest.mark.parametrize("name", ["vmlinuz", "debian/initrd.gz"])
def test_another_size_is_said_and_nothing_is_run(source, console, name):
    said = source(boot_script(PLAN, {**SIZES, name: 9999}, SCENE))
    assert f"bootlab: cannot boot: {name}: 0x{SIZES[name]:x} bytes came, the server has 0x270f\n" in said
    assert "starting the kernel" not in said
    assert "came back bad" in said
    assert 'Error: "bootargs" not defined' in console.run("printenv bootargs")


def test_a_failed_transfer_is_said_and_nothing_more_is_fetched(source):
    missing = replace(PLAN, kernel=Asset("nothing-here", Path("/k")))
    said = source(boot_script(missing, {**SIZES, "nothing-here": 5}, SCENE))
    assert "bootlab: cannot boot: the transfer of nothing-here failed\n" in said
    assert "initrd" not in said
    assert "starting the kernel" not in said


def test_a_dtb_without_an_address_is_said(source):
    said = source(boot_script(WITH_DTB, SIZES, SCENE))  # this build has no fdt_addr_r
    assert "cannot boot: this firmware sets no fdt_addr_r; give the plan an fdt_address\n" in said


def test_a_dtb_goes_to_its_address(source):
    said = source(boot_script(replace(WITH_DTB, fdt_address="0x4a000000"), SIZES, SCENE))
    assert "Load address: 0x4a000000" in said
    assert "bootlab: starting the kernel" in said


def test_a_refusal_is_said(source):
    said = source(refusal_script('plan p: /srv/"x": No such file; reset; $prompt'))
    assert "bootlab: cannot boot: plan p: /srv/?x?: No such file? reset? ?prompt\n" in said
    assert "came back bad" in said


LOADER = BootPlan(name="l", loader=Asset("my.efi", Path("/l")))


def test_a_loader_that_is_none_is_said(source):
    said = source(boot_script(LOADER, {"my.efi": 77}, SCENE))
    assert "bootlab: loader my.efi, 77 bytes\n" in said
    assert "bootlab: starting my.efi\n" in said
    assert "bootlab: cannot boot: bootefi does not take my.efi, or it ended\n" in said


@pytest.mark.skipif(not GRUB.exists(), reason="apt-get install debian-installer-12-netboot-arm64")
def test_grub_as_a_loader_reads_our_grub_cfg_and_hands_back(source, folder):
    """U-Boot starts the EFI program, GRUB fetches its grub.cfg by TFTP, and that plan says: local disk."""
    (folder / "grub.efi").write_bytes(GRUB.read_bytes())
    config = folder / "debian-installer" / "arm64" / "grub" / "grub.cfg"
    config.parent.mkdir(parents=True)
    config.write_text(grub_config(BootPlan(name="disk", action=Action.LOCAL), {}, SCENE))
    plan = replace(LOADER, loader=Asset("grub.efi", GRUB))
    said = source(boot_script(plan, {"grub.efi": GRUB.stat().st_size}, SCENE))
    assert "Welcome to GRUB!" in said
    assert "bootlab: plan disk" in said
    assert "bootlab: this plan boots a local disk" in said
    assert said.endswith("came back bad\n=> ")


def test_the_local_disk_is_each_boot_target_but_the_network(source, console):
    console.run("setenv boot_targets dhcp one pxe two")
    for name in ("dhcp", "one", "pxe", "two"):
        console.run(f"setenv bootcmd_{name} echo target {name}")
    said = source(boot_script(BootPlan(name="disk", action=Action.LOCAL), {}, SCENE))
    assert [line for line in said.splitlines() if line.startswith("target")] == ["target one", "target two"]
    assert "came back bad" in said


def test_on_hold_the_script_is_fetched_again_until_it_is_another(console, folder):
    hold = script_image(boot_script(BootPlan(name="held", action=Action.HOLD), {}, SCENE))
    for name in ("script", "boot.scr.uimg"):
        (folder / name).write_bytes(hold)
    console.run("tftpboot ${scriptaddr} script")
    console.process.stdin.write(b"source ${scriptaddr}\n")
    console.process.stdin.flush()
    console.until(b"bootlab: on hold, until it is released")
    console.until(b"bootlab: on hold, until it is released")  # fetched, and no second loop in the first
    (folder / "boot.scr.uimg").write_bytes(script_image(boot_script(PLAN, SIZES, SCENE)))
    console.until(b"bootlab: cannot boot: booti does not take vmlinuz")  # released: it boots, or tries to
    console.process.stdin.write(b"\x03")
    console.process.stdin.flush()
    console.until(PROMPT)
    console.run("setenv bootlab_held")


def test_pxelinux_config(console, folder):
    (folder / "pxelinux.cfg").mkdir()
    (folder / "pxelinux.cfg" / "default").write_text(pxelinux_config(PLAN, SIZES, SCENE))
    assert "Retrieving file: pxelinux.cfg/default\n" in console.run("setenv bootfile; pxe get")
    said = console.run("pxe boot")
    assert f"append: {CMDLINE}\n" in said
    assert "Filename 'vmlinuz'." in said
    assert "Filename 'debian/initrd.gz'." in said
