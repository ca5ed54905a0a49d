import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.errors import RefusalReason, RequestRefused, ServiceError
from pxe.net.packets import (
    CHUNK_BLOCKS,
    CHUNK_BYTES,
    BytesReader,
    PacketCache,
    Packets,
    as_netascii,
    open_resource,
)
from pxe.plan import Resource


def packets_of(data, blksize, cache=None):
    return Packets(cache or PacketCache(), BytesReader("x", data), blksize)


def expected(data, blksize, block):
    return struct.pack("!HH", 3, block & 0xFFFF) + data[(block - 1) * blksize : block * blksize]


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(8, 600), st.data())
def test_runs_are_the_packets_back_to_back(size, blksize, draw):
    data = bytes(i * 31 & 0xFF for i in range(size))
    packets = packets_of(data, blksize)
    first = draw.draw(st.integers(1, packets.last_block))
    count = draw.draw(st.integers(1, packets.last_block - first + 1))
    wanted = b"".join(expected(data, blksize, block) for block in range(first, first + count))
    assert b"".join(packets.runs(first, count)) == wanted


@pytest.mark.parametrize("blksize", [8, 512, 1468, 65464])
def test_windows_across_chunks(blksize):
    per_chunk = max(1, min(CHUNK_BLOCKS, CHUNK_BYTES // (blksize + 4)))
    data = bytes(range(256)) * (blksize * (2 * per_chunk + 3) // 256 + 1)
    packets = packets_of(data, blksize)
    for first in (1, per_chunk - 1, per_chunk, per_chunk + 1, 1, 2 * per_chunk):
        wanted = b"".join(expected(data, blksize, block) for block in range(first, first + 3))
        assert b"".join(packets.runs(first, 3)) == wanted


def test_lockstep_gives_every_packet_with_its_ack_and_rolls_over():
    data = bytes(8 * 66_000)
    packets = packets_of(data, 8)
    block = 1
    while block <= packets.last_block:
        for ack, packet in packets.lockstep(block):
            assert ack == struct.pack("!HH", 4, block & 0xFFFF)
            assert packet == expected(data, 8, block)
            block += 1
    assert block == packets.last_block + 1
    assert next(packets.lockstep(70))[1] == expected(data, 8, 70)


def test_clients_share_chunks():
    cache = PacketCache()
    data = bytes(100_000)
    one, two = packets_of(data, 512, cache), packets_of(data, 512, cache)
    assert one.runs(1, 4)[0].obj is two.runs(1, 4)[0].obj
    used = cache.used
    next(one.lockstep(1))
    assert next(two.lockstep(1))[1] is next(one.lockstep(1))[1]
    assert cache.used > used


def test_the_cache_stays_within_its_bound():
    cache = PacketCache(limit=3 * CHUNK_BYTES)
    packets = packets_of(bytes(20 * CHUNK_BYTES), 1468, cache)
    for first in range(1, packets.last_block + 1, 16):
        packets.runs(first, min(16, packets.last_block - first + 1))
        assert cache.used <= cache.limit


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 4096)
    return path


def test_a_file_is_read_right(file):
    packets = Packets(PacketCache(), open_resource(Resource(name="f", path=file)), 1000)
    data = file.read_bytes()
    got = b"".join(b"".join(packets.runs(b, 1))[4:] for b in range(1, packets.last_block + 1))
    assert got == data


def shrink(path):
    with path.open("r+b") as handle:
        handle.truncate(300_000)


def rewrite(path):
    path.write_bytes(bytes(path.stat().st_size))


def replace(path):
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [(shrink, "changed"), (rewrite, "changed"), (replace, "changed"), (lambda p: p.unlink(), "vanished")],
)
def test_a_file_that_changes_is_never_a_mixture(file, change, words):
    packets = Packets(PacketCache(), open_resource(Resource(name="f", path=file)), 512)
    packets.runs(1, 8)
    change(file)
    with pytest.raises(ServiceError, match=words):
        packets.runs(packets.last_block - 4, 4)


def test_another_version_is_another_identity(file):
    cache = PacketCache()
    first = Packets(cache, open_resource(Resource(name="f", path=file)), 512)
    assert bytes(first.runs(1, 1)[0][4:8]) == b"\0\1\2\3"
    file.write_bytes(b"new!" * 100)
    second = Packets(cache, open_resource(Resource(name="f", path=file)), 512)
    assert bytes(second.runs(1, 1)[0][4:8]) == b"new!"


def test_a_resource_without_file(tmp_path):
    with pytest.raises(RequestRefused) as refused:
        open_resource(Resource(name="x", path=tmp_path / "none"))
    assert refused.value.reason is RefusalReason.NOT_FOUND
    with pytest.raises(RequestRefused):
        open_resource(Resource(name="x"))


@given(st.binary(max_size=200))
def test_netascii_can_be_undone(data):
    wire = as_netascii(BytesReader("x", data))
    buffer = bytearray(wire.size)
    wire.read_into([memoryview(buffer)], 0)
    assert bytes(buffer).replace(b"\r\n", b"\n").replace(b"\r\0", b"\r") == data


def test_netascii_is_for_small_files(tmp_path):
    path = tmp_path / "big"
    with path.open("wb") as handle:
        handle.truncate(17 * 1024 * 1024)
    with pytest.raises(RequestRefused, match="octet"):
        as_netascii(open_resource(Resource(name="big", path=path)))
