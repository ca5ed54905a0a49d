from pathlib import Path

import pytest

from lab.drivers.qemu.disks import Attached, Disk, disk_words, disks_of, prepare
from lab.errors import ConfigError, InfrastructureError

MIB = 1 << 20


@pytest.mark.parametrize(
    ("value", "size"),
    [("64M", 64 * MIB), ("64 MiB", 64 * MIB), ("1g", 1 << 30), ("2GB", 2 << 30), (1024, 1024), ("512", 512)],
)
def test_sizes(value, size):
    assert disks_of([{"size": value}]) == (Disk(None, size),)


def test_a_path_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert disks_of([{"path": "a.img"}]) == (Disk(tmp_path / "a.img", 0),)


def test_all_faults_at_once():
    with pytest.raises(ConfigError) as caught:
        disks_of([{"size": "much"}, {}, {"size": "1M", "bus": "ide"}, {"path": 7}, {"size": 513}, "1G"])
    assert caught.value.faults == [
        "disks[0].size: 'much' is no size of a disk: whole sectors of 512 bytes, such as 2G",
        "disks[1]: {} is no disk: give size, path or both, such as {size: 2G}",
        "disks[2]: there is no option 'bus'; there are size and path",
        "disks[3].path: 7 is no path of a file",
        "disks[4].size: 513 is no size of a disk: whole sectors of 512 bytes, such as 2G",
        "disks[5]: '1G' is no disk: give size, path or both, such as {size: 2G}",
    ]


@pytest.mark.parametrize("value", [True, -1, "", "1E", "9999T", None], ids=str)
def test_no_size(value):
    with pytest.raises(ConfigError, match="no size of a disk"):
        disks_of([{"size": value}])


@pytest.mark.parametrize("value", ["2G", {"size": "2G"}, 3, None], ids=str)
def test_no_list(value):
    with pytest.raises(ConfigError, match="no list of disks"):
        disks_of(value)


def test_a_disk_of_the_places_own_is_made_sparse_and_kept(tmp_path):
    own = tmp_path / "p1.disk0"
    assert prepare(Disk(None, 64 * MIB), own) == own
    assert own.stat().st_size == 64 * MIB
    assert own.stat().st_blocks == 0
    own.write_bytes(b"x" * 64 * MIB)
    prepare(Disk(None, 64 * MIB), own)
    assert own.read_bytes()[:1] == b"x"


def test_a_file_of_the_users(tmp_path):
    file = tmp_path / "mine"
    file.write_bytes(bytes(1024))
    assert prepare(Disk(file, 0), tmp_path / "own") == file


@pytest.mark.parametrize(
    ("disk", "content", "words"),
    [
        (Disk(Path("f")), None, "does not exist: give its size"),
        (Disk(Path("f"), 1024), bytes(512), "has 512 bytes: wanted are whole sectors, and 1024"),
        (Disk(Path("f")), bytes(513), "has 513 bytes"),
        (Disk(Path("f")), b"", "has 0 bytes"),
        (Disk(Path("gone/f"), 512), None, "cannot be made: No such file"),
    ],
    ids=["missing", "too-small", "half-a-sector", "empty", "no-folder"],
)
def test_a_file_that_is_no_disk(tmp_path, monkeypatch, disk, content, words):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        disk.path.write_bytes(content)
    with pytest.raises(InfrastructureError, match=words):
        prepare(disk, tmp_path / "own")


def test_qemus_words():
    assert disk_words(0, Attached(Path("/a,b")), "virtio-blk-device") == [
        "-blockdev", "node-name=disk0,driver=raw,cache.no-flush=on,file.driver=file,file.filename=/a,,b",
        "-device", "virtio-blk-device,drive=disk0",
    ]  # fmt: skip


def test_a_log_stands_between_the_device_and_the_file():
    words = disk_words(1, Attached(Path("/d"), Path("/l")), "virtio-blk-pci")
    assert words[-3].startswith("driver=blklogwrites,node-name=disk1,file=disk1-data,log=disk1-log,")
    assert words[-1] == "virtio-blk-pci,drive=disk1"
    assert next(w for w in words if "filename=/l" in w).startswith("node-name=disk1-log,")
