"""A real guest's power is cut: what it synced is on its disk, what it did not may be gone."""

import hashlib
import subprocess
import time
from dataclasses import replace

import pytest

from lab.board import Board
from lab.config import load_board_type
from lab.console.session import Console
from lab.console.transcript import Transcript
from lab.drivers.build import build_drivers
from lab.errors import InfrastructureError, UsageError
from lab.model import DriverConfig, Place
from lab.powercut.check import check_file_system
from lab.powercut.cut import VolatileCache, rebuild
from lab.testing.disk_linux import UP, disk_linux

pytestmark = pytest.mark.hil

MIB = 1 << 20
SEEDS = range(40)
PATIENCE = 120
TOOLS = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def tool(*argv):
    return subprocess.run(argv, env=TOOLS, capture_output=True, check=True).stdout


class Guest:
    """The board with an ext4 and a FAT disk, switched on; `do` runs a line in it."""

    def __init__(self, folder):
        self.disks = [folder / "ext4.img", folder / "fat.img"]
        for disk in self.disks:
            with disk.open("xb") as file:
                file.truncate(64 * MIB)
        tool("mkfs.ext4", "-q", str(self.disks[0]))
        tool("mkfs.vfat", str(self.disks[1]))
        kernel, initrd = disk_linux()
        boot = ["-kernel", str(kernel), "-initrd", str(initrd), "-append", "console=ttyAMA0 quiet"]
        disks = [{"path": str(disk)} for disk in self.disks]
        emulated = DriverConfig(kind="qemu", options={"firmware": "", "disks": disks, "extra": boot})
        board_type = load_board_type("qemu-virt-arm64")
        place = Place(
            name="qemu1", board_type=board_type.name, mac="52:54:00:aa:01:01", power=emulated,
            console=DriverConfig(kind="qemu"),
        )  # fmt: skip
        self.power, stream = build_drivers(place, board_type)
        try:
            replace(self.power.options).check()
        except InfrastructureError as exc:
            pytest.skip(str(exc))
        self.console = Console(stream, Transcript())
        self.board = Board(place, board_type, self.power, self.console)
        self.caches = [VolatileCache(self.power, n) for n in range(2)]

    def __enter__(self):
        self.console.start()
        for cache in self.caches:
            cache.arm()
        self.board.cycle()
        self.console.expect(UP, PATIENCE)
        return self

    def __exit__(self, *_):
        self.power.off()
        self.console.close()

    def do(self, line):
        self.console.write(line.encode() + b"\n")
        answer = self.console.expect(r"status=\d{1,3}", PATIENCE)
        assert answer.text == "status=0", self.console.transcript.text_since(0)[-800:]


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """The guest after its power went in the middle of writing: nothing had flushed the second half."""
    with Guest(tmp_path_factory.mktemp("guest")) as guest:
        with pytest.raises(UsageError, match="while it is off"):
            guest.caches[0].arm()
        # what is dirty is written at once, but only fsync makes the disk flush (sync does not, on FAT)
        guest.do("echo 4096 >/proc/sys/vm/dirty_background_bytes")
        guest.do("echo 10 >/proc/sys/vm/dirty_writeback_centisecs")
        for letter, kind, options in (("a", "ext4", " -o commit=300"), ("b", "vfat", "")):
            guest.do(f"$b mkdir /{kind} && $b mount -t {kind}{options} /dev/vd{letter} /{kind}")
            guest.do(f"$b dd if=/dev/urandom of=/{kind}/saved bs=64k count=16 conv=fsync 2>&1")
        guest.do("for k in ext4 vfat; do $b md5sum /$k/saved; done")
        sums = guest.console.transcript.text_since(0)
        for kind in ("ext4", "vfat"):
            guest.do(f"for n in 1 2 3 4; do $b dd if=/dev/urandom of=/{kind}/new$n bs=64k count=8 2>&1; done")
        wait_for(lambda: all(cache.log.stat().st_size > 2 * MIB for cache in guest.caches))
        guest.cuts = [cache.cut(seed=1) for cache in guest.caches]
        assert not guest.power.is_on()
    guest.sums = sums
    return guest


def wait_for(happened):
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_there_was_something_to_lose(cut):
    for one in cut.cuts:
        # bytes, for how many writes they come in is the kernel's choice: a busy host merges more of them
        flushed = one.survivors.pieces[: one.survivors.flushed]
        assert sum(piece.length for piece in flushed) >= MIB, str(one)
        assert one.survivors.unflushed > 1, str(one)


@pytest.mark.parametrize("number", [0, 1], ids=["ext4", "fat"])
def test_what_was_synced_is_there_whatever_else_is_lost(cut, number, tmp_path):
    cache, lost = cut.caches[number], set()
    for seed in SEEDS:
        disk = tmp_path / "disk"
        lost.add(rebuild(cache.before, cache.log, seed, disk).lost)
        checked = check_file_system(disk)
        if number == 0:
            assert checked.clean, f"seed {seed}: {checked}"
            saved = tool("debugfs", "-R", "cat /saved", str(disk))
        else:
            saved = tool("mcopy", "-i", str(disk), "::saved", "-")
        assert len(saved) == MIB
        assert tool_md5(saved) in cut.sums, f"seed {seed}"
    assert 0 in lost
    assert max(lost) > 0


def tool_md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_new_files_are_lost_with_some_seeds_and_kept_with_others(cut, tmp_path):
    cache, counts = cut.caches[1], set()
    for seed in SEEDS:
        disk = tmp_path / "disk"
        rebuild(cache.before, cache.log, seed, disk)
        counts.add(tool("mdir", "-b", "-i", str(disk), "::").count(b"/new"))
    assert {0, 4} <= counts, counts


def test_the_same_seed_makes_the_same_disk(cut, tmp_path):
    cache = cut.caches[0]
    made = []
    for name in ("one", "two"):
        rebuild(cache.before, cache.log, 7, tmp_path / name)
        made.append(hashlib.sha256((tmp_path / name).read_bytes()).digest())
    assert made[0] == made[1]


def test_a_checker_finds_what_is_broken(cut, tmp_path):
    disk = tmp_path / "disk"
    rebuild(cut.caches[0].before, cut.caches[0].log, 7, disk)
    assert check_file_system(disk).clean  # plays the journal back: it would mend what is broken now
    tool("debugfs", "-w", "-R", "clri /saved", str(disk))
    checked = check_file_system(disk)
    assert not checked.clean
    assert "saved" in checked.words
