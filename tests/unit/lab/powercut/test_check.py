"""What fsck.fat 4.2 says of three disks: a clean one, one that was mounted, one with a broken table."""

import subprocess

import pytest

from lab.errors import InfrastructureError
from lab.powercut.check import Checked, _fat_is_clean, _kind, check_disk, check_file_system

CLEAN = "fsck.fat 4.2 (2021-01-31)\nf.img: 1 files, 1/8167 clusters\n"
MOUNTED = """\
fsck.fat 4.2 (2021-01-31)
Dirty bit is set. Fs was not properly unmounted and some data may be corrupt.
 Automatically removing dirty bit.

Leaving filesystem unchanged.
g.img: 1 files, 1/8167 clusters
"""
BROKEN = """\
fsck.fat 4.2 (2021-01-31)
FATs differ but appear to be intact.
  Using first FAT.
Reclaimed 1 unused cluster (2048 bytes).

Leaving filesystem unchanged.
h.img: 1 files, 1/8167 clusters
"""


@pytest.mark.parametrize(
    ("said", "status", "clean"),
    [
        (CLEAN, 0, True),
        (MOUNTED, 1, True),
        (BROKEN, 1, False),
        (MOUNTED.replace("Leaving", "FATs differ.\nLeaving"), 1, False),
        ("", 1, False),
    ],
    ids=["clean", "mounted", "broken", "mounted-and-broken", "silent"],
)
def test_a_dirty_bit_alone_is_no_fault(said, status, clean):
    assert _fat_is_clean(subprocess.CompletedProcess([], status, said, "")) is clean


def test_what_is_neither_is_passed_over(tmp_path):
    file = tmp_path / "noise"
    file.write_bytes(b"\x5a" * 4096)
    assert _kind(file) == ""
    assert check_file_system(file) is None


def test_a_disk_on_which_nothing_need_be_whole_may_have_no_partitions(tmp_path):
    """So it is where the power went while an installation made them."""
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(1 << 20))
    assert check_disk(disk, ()) == ()
    with pytest.raises(InfrastructureError, match="no partition table"):
        check_disk(disk, ("BOOT",))


def test_a_result_in_words():
    assert str(Checked("STATE", "ext4", True, "fine")) == "STATE (ext4): clean"
    assert str(Checked("STATE", "ext4", False, "bad inode")) == "STATE (ext4): bad inode"
