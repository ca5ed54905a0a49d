"""Our partition tables against cgpt, whose bits they are, and against sgdisk, which checks both copies."""

import os
import random
import re
import shutil
import subprocess
from uuid import UUID

import pytest

from lab.errors import InfrastructureError
from lab.systems.flatcar import gpt as disk
from lab.systems.flatcar.slots import USR_TYPE, Slot, prioritize, slots_of, with_slots
from lab.testing.debian import CGPT, file_of

pytestmark = pytest.mark.interop

KERNEL_TYPE = UUID("fe3a2a5d-4f32-41a7-b725-accc3285a309")  # the only one that cgpt prioritizes
COUNT = 4


@pytest.fixture(scope="module")
def cgpt():
    try:
        program = file_of(*CGPT)
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    return lambda *words: ran(program, *words)


def ran(program, *words):
    return subprocess.run(
        [str(program), *map(str, words)], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.fixture
def image(tmp_path):
    sgdisk = shutil.which("sgdisk", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if sgdisk is None:
        pytest.skip("sgdisk is not installed: apt-get install gdisk")
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(8 << 20)
    words = [
        word for n in range(1, COUNT + 1) for word in (f"--new={n}:0:+512K", f"--typecode={n}:{KERNEL_TYPE}")
    ]
    ran(sgdisk, "--clear", *words, f"--new={COUNT + 1}:0:+512K", f"--typecode={COUNT + 1}:{USR_TYPE}", path)
    return path, lambda: ran(sgdisk, "--verify", path)


def written(path, slots):
    with disk.opened(path, write=True) as file:
        disk.write(file, with_slots(disk.read(file), slots))


def read(path, kind=KERNEL_TYPE):
    with disk.opened(path) as file:
        return slots_of(disk.read(file), kind)


def test_what_we_write_cgpt_reads_and_sgdisk_finds_whole(cgpt, image):
    path, verify = image
    slots = {n: Slot(n, 5 - n, n % 2 == 0) for n in range(1, COUNT + 1)}
    written(path, slots)
    assert "No problems found" in verify()
    shown = re.findall(r"priority=(\d+) tries=(\d+) successful=(\d)", cgpt("show", path))
    assert [Slot(int(p), int(t), s == "1") for p, t, s in shown] == list(slots.values())
    assert "INVALID" not in cgpt("show", path)


def test_what_cgpt_writes_on_a_partition_of_flatcar_we_read(cgpt, image):
    path, _ = image
    cgpt("add", "-i", COUNT + 1, "-P", 2, "-T", 1, "-S", 0, path)
    assert read(path, USR_TYPE) == {COUNT + 1: Slot(2, 1, False)}


@pytest.mark.parametrize("seed", range(6))
def test_we_prioritize_as_cgpt_does(cgpt, image, seed):
    path, _ = image
    dice = random.Random(seed)
    slots = {
        n: Slot(dice.choice([0, 1, 2, 2, 5, 15]), dice.randrange(3), dice.random() < 0.5) for n in range(1, 5)
    }
    written(path, slots)
    number = dice.randrange(1, COUNT + 1)
    cgpt("prioritize", "-i", number, path)
    assert read(path) == prioritize(slots, number)
