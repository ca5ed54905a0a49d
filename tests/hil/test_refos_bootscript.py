"""The boot script of refos in a real U-Boot, on disks whose slots do not load: what it tries, and leaves.

That a slot which loads is started, and falls back, is seen in test_upgrade.py and test_rollback.py.
"""

import re
import subprocess

import pytest

from lab.refos.build import env
from lab.refos.build.bootscript import boot_image
from lab.refos.build.disk import LAYOUT, MIB, disk_image
from lab.testing.qemu_uboot import FIRMWARE, QEMU, missing

pytestmark = [
    pytest.mark.hil,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
ENV_AT = next(part.start for part in LAYOUT if part.name == "ENV") * MIB
AB, BA = {**env.FRESH, "BOOT_ORDER": "A B"}, {**env.FRESH, "BOOT_ORDER": "B A"}
SPENT = {**env.FRESH, "BOOT_A_LEFT": "1", "BOOT_B_LEFT": "0"}


def environment(first, second):
    """A partition's content of two copies, each as (variables, counter); None: not whole."""
    copies = [bytes(env.SIZE) if copy is None else env.encode(*copy) for copy in (first, second)]
    return copies[0] + bytes(env.SECOND - env.SIZE) + copies[1]


@pytest.fixture(scope="module")
def boot(tmp_path_factory):
    path = tmp_path_factory.mktemp("boot") / "boot.img"
    path.write_bytes(boot_image())
    return path


def run(disk):
    """Boot it until it resets; return what the console said."""
    machine = ["-M", "virt", "-cpu", "cortex-a53", "-m", "256", "-nodefaults", "-display", "none"]
    drive = ["-drive", f"if=none,id=disk,format=raw,file={disk}", "-device", "virtio-blk-device,drive=disk"]
    argv = [QEMU, *machine, "-serial", "stdio", "-no-reboot", "-bios", str(FIRMWARE), *drive]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=240, check=True)
    return done.stdout.decode(errors="replace")


@pytest.mark.parametrize(
    ("copies", "tried", "left"),
    [
        pytest.param(((AB, 1), (BA, 0)), "AB", AB | {"BOOT_A_LEFT": "2", "BOOT_B_LEFT": "2"}, id="first"),
        pytest.param(((AB, 255), (BA, 0)), "BA", BA | {"BOOT_A_LEFT": "2", "BOOT_B_LEFT": "2"}, id="wrapped"),
        pytest.param((None, (BA, 9)), "BA", BA | {"BOOT_A_LEFT": "2", "BOOT_B_LEFT": "2"}, id="first torn"),
        pytest.param((None, None), "AB", AB | {"BOOT_A_LEFT": "2", "BOOT_B_LEFT": "2"}, id="none whole"),
        pytest.param(((SPENT, 4), (AB, 3)), "A", AB, id="no attempts left"),
    ],
)
def test_what_it_tries_and_counts(boot, tmp_path, copies, tried, left):
    disk = tmp_path / "disk.img"
    disk_image(disk, boot=boot, slots={}, size=350)
    with disk.open("r+b") as file:
        file.seek(ENV_AT)
        file.write(environment(*copies))
    said = run(disk)
    assert "".join(re.findall(r"refos: booting slot (\w)", said)) == tried, said
    assert said.count("does not load") == len(tried)
    assert ("no attempts left in either slot" in said) == (len(tried) == 1)
    assert "syntax error" not in said
    with disk.open("rb") as file:
        file.seek(ENV_AT)
        assert env.current(file.read(env.PARTITION)) == left
