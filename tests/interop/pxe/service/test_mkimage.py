"""Our script image against the tool that defines it."""

import os
import random
import shutil
import string
import subprocess
from ipaddress import IPv4Address

import pytest

from pxe.boot.catalogue import Catalogue
from pxe.boot.requester import Requester
from pxe.boot.snapshot import Snapshot
from pxe.boot.uimage import script_image
from pxe.plan import Action, BootPlan, Machine

pytestmark = pytest.mark.interop


@pytest.fixture
def mkimage(tmp_path):
    tool = shutil.which("mkimage")
    if tool is None:
        pytest.skip("mkimage (package u-boot-tools) is not installed")

    def make(script, name, timestamp):
        (tmp_path / "in").write_text(script)
        subprocess.run(
            [tool, *["-A", "arm64", "-T", "script", "-C", "none", "-n"], name, "-d", "in", "out"],
            cwd=tmp_path,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(timestamp)},
            check=True,
            capture_output=True,
            timeout=30,
        )
        return (tmp_path / "out").read_bytes()

    return make


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 63, 64, 65, 1000, 70_001])
def test_byte_for_byte(mkimage, size):
    chance = random.Random(size)
    script = "".join(chance.choices(string.printable.replace("\r", ""), k=size))
    name = "".join(chance.choices(string.ascii_letters + " ", k=1 + size % 40))
    timestamp = chance.randrange(1, 2**31)
    assert script_image(script, name=name, timestamp=timestamp) == mkimage(script, name, timestamp)


def test_mkimage_reads_the_script_that_a_machine_gets(tmp_path):
    if shutil.which("mkimage") is None:
        pytest.skip("mkimage (package u-boot-tools) is not installed")
    plan = BootPlan(name="held", action=Action.HOLD)
    mac = "52:54:00:00:00:01"
    catalogue = Catalogue(Snapshot({mac: Machine(mac=mac, plan="held")}, {"held": plan}))
    got = catalogue.resolve("boot.scr.uimg", Requester(mac=mac, server=IPv4Address("10.99.0.1")))
    (tmp_path / "boot.scr.uimg").write_bytes(got.data)
    done = subprocess.run(
        ["mkimage", "-l", tmp_path / "boot.scr.uimg"], capture_output=True, text=True, check=True, timeout=30
    )
    assert "Image Name:   bootlab held" in done.stdout
    assert "AArch64 Linux Script (uncompressed)" in done.stdout
