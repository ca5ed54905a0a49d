"""Raspberry Pi 3, 4 and 5: their network boot, written from its documentation, from the real boot service.

Where QEMU has the board (raspi3b), the very bytes that were fetched are booted. See boards/raspberrypi.
"""

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from lab.config import load_site
from lab.errors import InfrastructureError, LabError
from lab.images import small_linux
from lab.session import LabSession
from lab.smalllinux import UP
from lab.testing.debian import PI_3_DEVICE_TREE, foreign_file_of
from pxe.events import DhcpReceived, DhcpSent, TransferEnded, TransferRefused
from pxe.plan import Asset

sys.path.insert(0, str(Path(__file__).parent))
from raspberrypi import CMDLINE, PI3, PI4, PI5, PIS, SITE, Lab, Pi, sha256

pytestmark = pytest.mark.hil


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raspberrypi")
    (folder / "lab.yaml").write_text(SITE)
    try:
        with LabSession(load_site(folder / "lab.yaml")) as made:
            yield made
    except LabError as exc:
        pytest.skip(str(exc))


@pytest.fixture
def lab(session, tmp_path):
    return Lab(session, tmp_path)


@pytest.fixture(scope="module")
def linux():
    """The plan of a small Linux for all three; the device tree is that of the Pi 3."""
    try:
        image = small_linux(CMDLINE)
        dtb = Asset("bcm2837-rpi-3-b.dtb", foreign_file_of(*PI_3_DEVICE_TREE))
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    return replace(image.plan, dtb=dtb, cmdline=CMDLINE)


@pytest.mark.parametrize("reserved", [False, True], ids=["pool", "reservation"])
@pytest.mark.parametrize("pi", PIS, ids=lambda pi: pi.model)
def test_its_files_come_from_its_folder(lab, linux, pi, reserved):
    """No folder of that name is on disk: the plan's files, what we make for it and its tree look like one."""
    address = IPv4Address(f"10.99.0.{40 + PIS.index(pi)}") if reserved else None
    lab.assign(pi, replace(linux, tree=lab.tree), ip=address, serial=pi.serial if reserved else "")
    report = lab.switch_on(pi)
    assert report["server"] == "10.99.0.1"
    assert report["prefix"] == pi.folder
    for role, asset in (("kernel", linux.kernel), ("initramfs", linux.initrd), ("device_tree", linux.dtb)):
        assert report[role] == pi.folder + asset.name
        assert report["files"][report[role]]["sha256"] == sha256(asset.path)
    assert (lab.out / report["cmdline"]).read_text().strip() == CMDLINE
    config = (lab.out / pi.folder / "config.txt").read_text()
    assert f"kernel={linux.kernel.name}" in config
    (first, *_) = [e for e in lab.seen(DhcpReceived) if e.message == "DISCOVER"]
    assert (first.mac, first.firmware, first.arch) == (pi.mac, "raspberry-pi", "arm64")
    whole = [e for e in lab.seen(TransferEnded) if e.outcome in ("complete", "unacknowledged")]
    assert {e.name for e in whole} >= set(report["files"])
    assert {e.mac for e in whole} == {pi.mac}


def test_a_pi_3_needs_no_lease(lab, linux):
    """It never sends a REQUEST, and takes what was offered."""
    lab.assign(PI3, replace(linux, tree=lab.tree))
    report = lab.switch_on(PI3)
    assert [e.message for e in lab.seen(DhcpReceived)] == ["DISCOVER"]
    assert [e.ip for e in lab.seen(DhcpSent) if e.message == "OFFER"] == [report["address"]]
    assert report["requests"][:3] == ["bootcode.bin", "bootcode.bin", "bootsig.bin"]
    ended = [(e.name, e.outcome) for e in lab.seen(TransferEnded)][:2]
    assert ended == [("bootcode.bin", "aborted"), ("bootcode.bin", "complete")], "size probe, then the file"
    assert "bootsig.bin" in [e.name for e in lab.seen(TransferRefused)]


def test_a_pi_4_without_start4_elf_in_its_folder_looks_into_the_root(lab, linux):
    """Its plan has no tree, and no folder for everybody has the file: it fails there, as a real one."""
    lab.assign(PI4, linux)
    report = lab.switch_on(PI4, code=1)
    assert report["failed"] == "start4.elf is not there"
    assert report["requests"][-1] == "start4.elf", "without its folder"


def test_a_config_txt_of_ones_own_overlays_filters_and_includes(lab, linux):
    """A text of that name in the plan goes before the one that we make."""
    own = "\n".join([
        "[pi5]", "dtoverlay=not-for-this-one", "[pi4]", "dtoverlay=disable-bt", "include more.txt", "[none]",
        "kernel=nothing", "[all]", "initramfs initrd.gz followkernel", "device_tree=bcm2837-rpi-3-b.dtb",
    ])  # fmt: skip
    texts = {"config.txt": own, "more.txt": "kernel=linux\ncmdline=other.txt\n", "other.txt": "quiet\n"}
    lab.assign(PI4, replace(linux, tree=lab.tree, texts=texts))
    report = lab.switch_on(PI4)
    assert report["overlays"] == [f"{PI4.folder}overlays/disable-bt.dtbo"]
    assert report["kernel"] == f"{PI4.folder}linux"
    assert (lab.out / report["cmdline"]).read_text() == "quiet\n"


def test_a_pi_gets_nothing_of_anothers_folder(lab, linux):
    """One that claims another's serial number is refused there, and boots its own plan from the root."""
    lab.assign(PI4, replace(linux, tree=lab.tree), serial=PI4.serial)
    lab.assign(PI5, replace(linux, name="secret", tree=lab.tree), serial=PI5.serial)
    report = lab.switch_on(Pi(PI4.model, PI4.mac, PI5.serial))
    assert (report["prefix"], report["kernel"]) == ("", "linux")
    assert not [name for name in report["files"] if name.startswith(PI5.folder)]
    refused = {e.name: e.reason for e in lab.seen(TransferRefused)}
    assert "not the one of machine" in refused[f"{PI5.folder}config.txt"]


def test_an_old_eeprom_stops_at_64_mib(lab, linux, tmp_path):
    """1024 bytes a block, 65535 blocks: what is larger does not fit such a Pi, and the log says where."""
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate((64 << 20) + 1)
    lab.assign(PI5, replace(linux, tree=lab.tree, initrd=Asset("initrd.gz", big)))
    report = lab.switch_on(PI5, "--no-rollover", code=1)
    assert "stops after 65535 blocks of 1024 bytes" in report["failed"]
    assert lab.switch_on(PI5)["files"][f"{PI5.folder}initrd.gz"]["size"] == (64 << 20) + 1


def test_a_pi_without_a_plan_gets_no_offer_that_it_would_take(lab):
    stranger = Pi("pi4", "dc:a6:32:ff:ff:ff", "ffffffff")
    report = lab.switch_on(stranger, "--scale", "0.05", code=1)
    assert report["failed"].startswith("DHCP: ")
    assert report["requests"] == []


def test_what_a_pi_3_fetched_boots_on_it(lab, linux):
    """QEMU's raspi3b is given the very bytes, and the command line, that came over the network."""
    qemu = shutil.which("qemu-system-aarch64")
    if qemu is None:
        pytest.skip("qemu-system-aarch64 is not here: apt-get install qemu-system-arm")
    lab.assign(PI3, replace(linux, tree=lab.tree))
    report = lab.switch_on(PI3)
    path = {role: str(lab.out / report[role]) for role in ("kernel", "initramfs", "device_tree", "cmdline")}
    console = lab.out / "console.log"
    argv = [qemu, "-M", "raspi3b", "-nodefaults", "-display", "none", "-serial", f"file:{console}"]
    argv += ["-kernel", path["kernel"], "-initrd", path["initramfs"], "-dtb", path["device_tree"]]
    argv += ["-append", Path(path["cmdline"]).read_text().strip(), "-no-reboot"]
    wanted = ["Linux version", "Machine model: Raspberry Pi 3 Model B", "Run /init as init process", UP]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            seen = await_words(console, wanted, process)
        finally:
            process.kill()
    assert [seen.index(words) for words in wanted] == sorted(seen.index(words) for words in wanted)
    assert f"Kernel command line: {CMDLINE}" in seen


def await_words(console: Path, wanted: list[str], process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 240
    while True:
        seen = console.read_text(errors="replace") if console.exists() else ""
        if all(words in seen for words in wanted):
            return seen
        if process.poll() is not None:
            pytest.fail(f"QEMU ended: {process.stderr.read()}\n{seen[-2000:]}")
        if time.monotonic() > deadline:
            pytest.fail(f"not all of {wanted} came:\n{seen[-3000:]}")
        time.sleep(0.2)
