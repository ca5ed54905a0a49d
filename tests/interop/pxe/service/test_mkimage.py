"""Our script image against the tool that defines it."""

import os
import random
import shutil
import string
import subprocess

import pytest

from pxe.boot.uimage import script_image

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
