"""The partition table: both copies, damage, and a power cut at every write."""

import os
import struct
import zlib
from uuid import UUID

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.cli.gpt import gpt
from lab.errors import UsageError
from lab.systems.flatcar import gpt as disk
from lab.systems.flatcar.slots import USR_TYPE, Slot, slots_of, with_slots

BLOCKS = 2048
NAMES = ("EFI-SYSTEM", "USR-A", "USR-B")


def made(path, block=512):
    """A disk as the specification has it, written by other code than ours."""
    entries = bytearray(128 * 128)
    for number, name in enumerate(NAMES):
        kind = USR_TYPE if name.startswith("USR") else UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
        guid = UUID(int=number + 1)
        packed = struct.pack("<QQQ", 64 + 8 * number, 71 + 8 * number, 0x8000_0000_0000_0001)
        entry = kind.bytes_le + guid.bytes_le + packed + name.encode("utf-16-le").ljust(72, b"\0")
        entries[number * 128 : number * 128 + 128] = entry
    data = bytearray(block * BLOCKS)
    size = -(-len(entries) // block)
    for at, other, where in ((1, BLOCKS - 1, 2), (BLOCKS - 1, 1, BLOCKS - 1 - size)):
        fields = (at, other, 34, BLOCKS - 40, UUID(int=9).bytes_le, where, 128, 128, zlib.crc32(entries))
        head = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, *fields)
        head = head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]
        data[at * block : at * block + 92] = head
        data[where * block : where * block + len(entries)] = entries
    path.write_bytes(data)
    return path


@pytest.fixture(params=[512, 4096])
def image(request, tmp_path):
    return made(tmp_path / "disk.img", request.param)


def table_of(path):
    with disk.opened(path) as file:
        return disk.read(file)


def written(path, slots):
    with disk.opened(path, write=True) as file:
        disk.write(file, with_slots(disk.read(file), slots))


def test_it_is_read_and_written(image):
    written(image, {2: Slot(1, 0, True), 3: Slot(2, 1, False)})
    table = table_of(image)
    assert table.whole
    assert [p.name for p in table.partitions] == list(NAMES)
    assert slots_of(table) == {2: Slot(1, 0, True), 3: Slot(2, 1, False)}
    # The bits of others stay
    assert [hex(p.attributes) for p in table.partitions[1:]] == ["0x8101000000000001", "0x8012000000000001"]


@pytest.mark.parametrize("copy", [0, 1])
@pytest.mark.parametrize("where", ["header", "entries"])
def test_one_damaged_copy_is_read_past_and_mended(image, copy, where):
    table = table_of(image)
    found = table.copies[copy]
    at = (found.at if where == "header" else found.entries_at) * table.block + 20
    with image.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff\xff\xff\xff")
    broken = table_of(image)
    assert broken.copies[copy] is None
    assert not broken.whole
    assert broken.partitions == table.partitions
    written(image, {2: Slot(3, 3, True)})
    assert table_of(image).whole
    assert slots_of(table_of(image))[2] == Slot(3, 3, True)


class Cut(Exception):
    """The power is gone."""


class Failing:
    """A disk that loses its power after so many bytes; what came before is on it."""

    def __init__(self, file, after):
        self._file, self._left = file, after

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, data):
        if len(data) > self._left:
            self._file.write(bytes(data[: self._left]))
            raise Cut
        self._left -= len(data)
        return self._file.write(data)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2 * (128 * 128 + 92) - 1))
def test_wherever_the_power_goes_the_slots_are_the_old_or_the_new_ones(tmp_path_factory, after):
    path = tmp_path_factory.getbasetemp() / f"cut-{os.getpid()}.img"
    made(path)
    old, new = {2: Slot(1, 0, True), 3: Slot(0, 0, False)}, {2: Slot(1, 0, True), 3: Slot(2, 1, False)}
    written(path, old)
    with path.open("r+b", buffering=0) as file, pytest.raises(Cut):
        disk.write(Failing(file, after), with_slots(disk.read(file), new))
    assert slots_of(table_of(path)) in (old, new)
    written(path, new)  # and after the reboot it goes on
    assert table_of(path).whole


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 512 * 40), st.binary(min_size=1, max_size=40)), max_size=6),
    st.booleans(),
)
def test_no_disk_ends_it(tmp_path_factory, changes, cut):
    path = tmp_path_factory.getbasetemp() / f"fuzz-{os.getpid()}.img"
    data = bytearray(made(path).read_bytes())
    for at, piece in changes:
        data[at : at + len(piece)] = piece
        data[len(data) - at - len(piece) - 1 : len(data) - at - 1] = piece
    path.write_bytes(data[: 512 * 34] if cut else data)
    try:
        table = table_of(path)
        with disk.opened(path, write=True) as file:
            disk.write(file, table)
    except disk.GptError:
        return
    assert table_of(path).partitions == table.partitions


def run(*words):
    return CliRunner().invoke(gpt, [str(word) for word in words])


def test_the_command_line(tmp_path):
    image = made(tmp_path / "disk.img")
    assert "no slot boots" in run("show", image).stderr
    assert run("set", image, "USR-A", "--priority", "1", "--successful").exit_code == 0
    done = run("prioritize", image, "USR-B")
    assert "it will not boot" in done.stderr
    assert run("set", image, "3", "--tries", "1").stdout == "USR-B: priority 2, tries 1, not successful\n"
    shown = run("show", image, "--json").stdout
    assert '"boots": 3' in shown
    rows = run("show", image).stdout.splitlines()
    assert [row.split()[:4] for row in rows if "USR" in row] == [
        ["2", "USR-A", "1", "0"],
        ["3", "USR-B", "2", "1"],
    ]
    refused = run("set", image, "USR-C", "--tries", "1").exception
    assert isinstance(refused, UsageError)
    assert "there are 1 EFI-SYSTEM, 2 USR-A, 3 USR-B" in str(refused)
    assert isinstance(run("show", tmp_path / "gone").exception, UsageError)
    (tmp_path / "zeros").write_bytes(bytes(1 << 20))
    assert "no GUID partition table" in str(run("show", tmp_path / "zeros").exception)
