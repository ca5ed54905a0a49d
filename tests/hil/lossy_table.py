"""Every client of the firmware matrix over a bad cable: `make lossy`, which takes two hours and more.

    pytest tests/hil/lossy_table.py --lab-impair loss=0.2,duplicate=0.05,reorder=0.05 [-k ROW]

A firmware that gives up by its own design is switched off and on again, at most twice; the log says so, and
docs/bad-cable.md has how often that was. `make test` does not collect this file.
"""

import gzip
import logging
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from lab.cache import cache_dir
from lab.config import load_site
from lab.images import Image, small_linux
from lab.session import LabSession
from lab.testing.debian import PI_3_DEVICE_TREE, foreign_file_of
from pxe.plan import Asset, Transport

sys.path.insert(0, str(Path(__file__).parent))
from plainpxe import Mask, qemu_arguments
from raspberrypi import CMDLINE, PIS, SITE, Lab, sha256

pytestmark = [pytest.mark.hil, pytest.mark.timeout(7200)]
logger = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each look at the events

CYCLES = 3  # power cycles at most
# As our boot script does: else U-Boot takes one block at a time, and has ten tries of 5 s for a file
PATIENT = ("setenv tftpwindowsize 8", "setenv tftptimeout 1000", "setenv tftptimeoutcountmax 600")
NO_SCRIPT = "\n".join((*PATIENT, 'echo "bootlab: nothing in this script"', "false"))
SHIM = ["bootnetaa64.efi", "grubaa64.efi", "grub.cfg"]
LINUX = ["linux", "initrd.gz"]


@pytest.fixture(autouse=True)
def bad_cable(pytestconfig: pytest.Config) -> str:
    words = pytestconfig.getoption("lab_impair")
    if not words:
        pytest.fail("say what the cable does: --lab-impair loss=0.2,duplicate=0.05,reorder=0.05")
    return str(words)


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """What a row has to say of itself; logged with the time that it took."""
    words: list[str] = []
    began = monotonic()
    yield words
    logger.info("%s: %.0f s%s", request.node.name, monotonic() - began, "".join(f", {w}" for w in words))


def pxelinux(board):
    """Type what Debian's build has no step for, when U-Boot waits for a key."""
    shell = board.uboot()
    shell.interrupt(30)
    shell.boot(" && ".join((*PATIENT, "setenv autoload no", "dhcp", "pxe get", "pxe boot")))


def packed(console_args: str, arch: str) -> Image:
    """The small Linux with a kernel of a third of its size, for boot loaders that unpack it themselves."""
    image = small_linux(console_args, arch)
    kernel = image.plan.kernel.path
    path = cache_dir() / "small-linux" / f"{arch}-{kernel.stat().st_mtime_ns:x}-linux.gz"
    if not path.is_file():
        part = path.with_suffix(".part")
        part.write_bytes(gzip.compress(kernel.read_bytes(), mtime=0))
        part.rename(path)
    return replace(image, plan=replace(image.plan, kernel=Asset("linux", path)))


GRUB = {"image": packed}  # it asks for 1 KiB at a time: 33 MB take half an hour
# Row -> place, what is changed about its boot, and the files that it must have got, whole.
ROWS = {
    "uboot-script": ("uboot", {}, ["boot.scr.uimg", *LINUX]),
    "uboot-pxelinux": ("uboot", {"drive": pxelinux}, LINUX),
    "uboot-efi-grub": (
        "uboot",
        {**GRUB, "templates": {"uboot": NO_SCRIPT}, "patience": 5},  # a minute is for U-Boot's own windows
        ["grubaa64.efi", "grub.cfg", *LINUX],
    ),
    "arm64-pxe": ("arm64-pxe", GRUB, [*SHIM, *LINUX]),
    "arm64-http": ("arm64-http", {}, ["ipxe-arm64.efi", "boot.ipxe", *LINUX]),
    "bios-ipxe-http": ("bios", {}, ["boot.ipxe", *LINUX]),
    "bios-ipxe-tftp": ("bios", {"transport": Transport.TFTP}, ["boot.ipxe", *LINUX]),
    "x86-pxe": ("x86-pxe", {}, ["ipxe.efi", "boot.ipxe", *LINUX]),
    "x86-http": ("x86-http", {}, ["ipxe.efi", "boot.ipxe", *LINUX]),
}
# GRUB and U-Boot ask the server that the one ACK names. docs/dhcp.md has these lines, too.
NEXT_SERVER = (
    "--dhcp-match=set:arm64,option:client-arch,11", "--dhcp-boot=tag:arm64,,,10.99.0.1",
    "--dhcp-vendorclass=set:uboot,U-Boot", "--dhcp-boot=tag:uboot,boot.scr.uimg,,10.99.0.1",
)  # fmt: skip
BESIDE = ["uboot-script", "arm64-pxe", "bios-ipxe-http", "x86-pxe", "x86-http"]  # another DHCP server


def boots(matrix, row, told, request):
    place, changes, files = ROWS[row]
    if row == "arm64-http":
        changes = {**changes, "loader": request.getfixturevalue("ipxe_arm64")}
    seen = matrix.boot(place, cycles=CYCLES, **changes)
    assert seen.reached("up") == ["up"]
    got = {*seen.files("tftp"), *seen.files("http")}
    assert got >= set(files)
    told.append(f"power on {seen.cycles} times" if seen.cycles > 1 else "at once")
    told.append(f"{sum(span.repeated for span in seen.outcome.timeline.transfers)} blocks repeated")
    return seen


@pytest.mark.parametrize("row", ROWS)
def test_row(matrix, row, told, request):
    boots(matrix, row, told, request)


def test_row_plain_pxe(matrix, told, request):
    """An x86 PC whose ROM is no iPXE: undionly.kpxe, then as the others."""
    with (
        tempfile.TemporaryDirectory() as folder,  # not tmp_path: too long for a Unix socket
        Mask(Path(folder), b"undionly.kpxe") as mask,
        matrix.with_options("bios", extra=qemu_arguments(Path(folder))),
    ):
        seen = boots(matrix, "bios-ipxe-http", told, request)
    assert mask.hidden >= 2
    assert "undionly.kpxe" in seen.files("tftp")


@pytest.mark.parametrize("beside", [NEXT_SERVER], indirect=True, ids=["proxy"])
@pytest.mark.parametrize("row", BESIDE)
def test_row_behind_proxy(beside, row, told, request):
    seen = boots(beside, row, told, request)
    assert seen.granted == [], "no address of ours"


@pytest.fixture(scope="module")
def pis() -> Iterator[LabSession]:
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "lab.yaml")
        site.write_text(SITE)
        with LabSession(load_site(site)) as made:
            yield made


@pytest.fixture
def pi_plan():
    dtb = Asset("bcm2837-rpi-3-b.dtb", foreign_file_of(*PI_3_DEVICE_TREE))
    return replace(packed(CMDLINE, "arm64").plan, dtb=dtb, cmdline=CMDLINE)


@pytest.mark.parametrize("pi", PIS, ids=lambda pi: pi.model)
def test_row_raspberry_pi(pis, pi_plan, pi, told, bad_cable, tmp_path):
    """Its EEPROM's TFTP_FILE_TIMEOUT is an hour: no such cable carries a kernel in the usual 30 seconds."""
    lab = Lab(pis, tmp_path, bad_cable)
    lab.assign(pi, replace(pi_plan, tree=lab.tree))
    report = lab.switch_on(pi, "--file-timeout", "3600", timeout=7000)
    for role, asset in (
        ("kernel", pi_plan.kernel), ("initramfs", pi_plan.initrd), ("device_tree", pi_plan.dtb)
    ):  # fmt: skip
        assert report["files"][report[role]]["sha256"] == sha256(asset.path)
    told.append(f"{sum(e.repeated for e in lab.events if hasattr(e, 'repeated'))} blocks repeated")


def test_a_raspberry_pi_as_it_is_sold_says_what_it_lacks_time_for(pis, pi_plan, bad_cable, tmp_path):
    """30 seconds a file: it stops there, and would begin anew. A file of half a MB comes in time."""
    lab = Lab(pis, tmp_path, bad_cable)
    pi = PIS[1]
    lab.assign(pi, replace(pi_plan, tree=lab.tree))
    assert lab.switch_on(pi, code=1, timeout=600)["failed"] == f"TFTP {pi.folder}linux: not whole after 30 s"
