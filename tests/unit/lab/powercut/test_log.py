import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.powercut.log import Entry, Flag, LogError, follow, read_log

MAGIC = 0x6A736677736872


def log_of(*entries, step=512, count=None):
    """A log as QEMU writes it; entries are (flags, sector, data)."""
    out = struct.pack("<QQQI", MAGIC, 1, len(entries) if count is None else count, step).ljust(step, b"\0")
    for flags, sector, data in entries:
        out += struct.pack("<4Q", sector, len(data) // step, flags, 0).ljust(step, b"\0") + data
    return out


writes = st.tuples(
    st.sampled_from([0, Flag.FUA]),
    st.integers(0, 1 << 40),
    st.integers(1, 20).flatmap(
        lambda n: st.binary(min_size=1, max_size=8).map(lambda b: (b * 512 * n)[: 512 * n])
    ),
)
flushes = st.just((Flag.FLUSH, 0, b""))


@given(st.lists(st.one_of(writes, flushes)))
def test_what_was_written_is_read(entries):
    raw = log_of(*entries)
    found = read_log(io.BytesIO(raw))
    again = [(e.flags, e.offset // 512, raw[e.data_at : e.data_at + e.length]) for e in found]
    assert again == entries


@given(st.lists(st.one_of(writes, flushes), min_size=1), st.data())
def test_a_log_that_ends_anywhere_keeps_what_was_whole(entries, data):
    raw = log_of(*entries)
    cut = data.draw(st.integers(512, len(raw)))
    found = read_log(io.BytesIO(raw[:cut]))
    whole = read_log(io.BytesIO(raw))
    assert found[:-1] == whole[: max(len(found) - 1, 0)]
    if found:
        assert found[-1].offset == whole[len(found) - 1].offset
        assert found[-1].length <= whole[len(found) - 1].length
        assert found[-1].data_at + found[-1].length <= cut


def test_a_write_that_never_came_leaves_a_hole_and_the_next_ones_stand():
    before, after = (0, 7, b"a" * 512), (Flag.FLUSH, 0, b"")
    raw = log_of(before) + bytes(512 * 9) + log_of(after, (0, 9, b"b" * 1024))[512:]
    found = read_log(io.BytesIO(raw))
    assert [(e.flags, e.offset, e.length) for e in found] == [(0, 3584, 512), (1, 0, 0), (0, 4608, 1024)]


@given(st.lists(st.one_of(writes, flushes)), st.data())
def test_a_log_that_grows_is_followed(entries, data):
    raw = log_of(*entries)
    sizes = data.draw(st.lists(st.integers(0, len(raw)), max_size=5).map(sorted))
    found, at = [], 0
    for size in (*sizes, len(raw)):
        new, at = follow(io.BytesIO(raw[:size]), at)
        found += new
    assert tuple(found) == read_log(io.BytesIO(raw))
    assert at == len(raw)


def test_a_write_that_is_not_there_yet_is_waited_for():
    raw = log_of((0, 7, b"a" * 512)) + bytes(512 * 9) + log_of((0, 9, b"b" * 1024))[512:]
    found, at = follow(io.BytesIO(raw), 0)
    assert (len(found), at) == (1, 512 * 3)
    assert follow(io.BytesIO(raw), at) == ((), at)


def test_before_the_first_write_there_is_nothing():
    assert read_log(io.BytesIO(b"")) == ()
    assert follow(io.BytesIO(b""), 0) == ((), 0)


def test_a_hole_at_the_end():
    raw = log_of((Flag.FLUSH, 0, b"")) + bytes(5 << 20)
    assert len(read_log(io.BytesIO(raw))) == 1


def test_written_zeros_are_no_hole():
    found = read_log(io.BytesIO(log_of((0, 1, bytes(4096)), (0, 3, bytes(512)))))
    assert [e.length for e in found] == [4096, 512]


def test_the_superblocks_number_is_not_relied_on():
    assert len(read_log(io.BytesIO(log_of((1, 0, b""), (0, 1, b"x" * 512), count=1)))) == 2


def test_a_discard_has_no_data():
    header = struct.pack("<4Q", 8, 1000, Flag.DISCARD, 0).ljust(512, b"\0")
    raw = log_of() + header + log_of((0, 1, b"x" * 512))[512:]
    assert read_log(io.BytesIO(raw)) == (
        Entry(Flag.DISCARD, 4096, 512000, 1024),
        Entry(Flag(0), 512, 512, 1536),
    )


def test_sectors_of_4096_bytes():
    (found,) = read_log(io.BytesIO(log_of((0, 2, b"x" * 8192), step=4096)))
    assert (found.offset, found.length, found.data_at) == (8192, 8192, 8192)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"x", "ends at byte 1"),
        (b"x" * 512, "no log of writes"),
        (struct.pack("<QQQI", MAGIC, 2, 0, 512), "version 2"),
        (struct.pack("<QQQI", MAGIC, 1, 0, 511), "sectors of 511"),
        (log_of((64, 1, b"x" * 512)), "byte 512: no entry"),
        (log_of() + b"x" * 512, "byte 512: no entry"),
        (log_of((0, 1 << 60, b"x" * 512)), "byte 512: a write of 1 sectors"),
    ],
    ids=["cut", "other", "version", "sector-size", "flags", "data-where-a-header-belongs", "too-far"],
)
def test_what_is_damaged_is_refused_with_its_place(raw, words):
    with pytest.raises(LogError, match=words):
        read_log(io.BytesIO(raw))


@given(st.binary(max_size=2048), st.booleans())
def test_any_bytes_are_a_log_or_refused(noise, superblock):
    raw = log_of() + noise if superblock else noise
    try:
        entries = read_log(io.BytesIO(raw))
    except LogError:
        return
    writes = [e for e in entries if not e.flags & Flag.DISCARD]
    assert all(e.data_at + e.length <= max(len(raw), 512) for e in writes)


@given(st.lists(writes, min_size=1), st.integers(0), st.integers(0, 255))
def test_a_flipped_byte_ends_in_entries_or_in_one_error(entries, where, value):
    raw = bytearray(log_of(*entries))
    raw[where % len(raw)] = value
    try:
        found = read_log(io.BytesIO(bytes(raw)))
    except LogError:
        return
    assert all(e.length >= 0 and e.offset >= 0 for e in found)
