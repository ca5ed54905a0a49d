"""The legacy image against U-Boot's include/image.h; mkimage is asked in tests/interop."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.uimage import HEADER_BYTES, MAGIC, NAME_BYTES, script_image
from pxe.errors import PlanError


def test_known_image_byte_for_byte():
    # SOURCE_DATE_EPOCH=1700000000 mkimage -A arm64 -T script -C none -n "bootlab x" of "echo hello"
    expected = bytes.fromhex(
        "270519569cd04ab46553f1000000001300000000000000003db55e6f05160600"
        "626f6f746c61622078" + "00" * 23 + "0000000b000000006563686f2068656c6c6f0a"
    )
    assert script_image("echo hello\n", name="bootlab x", timestamp=1700000000) == expected


@given(st.text(min_size=1).filter(lambda s: s.isprintable()), st.text(), st.integers(0, 2**32 - 1))
def test_both_checksums_and_the_size_table_hold(script, name, timestamp):
    image = script_image(script, name=name, timestamp=timestamp)
    magic, header_crc, when, size, _, _, data_crc = struct.unpack(">7I", image[:28])
    data = image[HEADER_BYTES:]
    blank = image[:4] + bytes(4) + image[8:HEADER_BYTES]
    assert (magic, when, size) == (MAGIC, timestamp, len(data))
    assert (header_crc, data_crc) == (zlib.crc32(blank), zlib.crc32(data))
    assert struct.unpack(">2I", data[:8]) == (len(script.encode()), 0)
    assert data[8:].decode() == script


def test_name_is_cut_and_made_ascii():
    image = script_image("x", name="é" + "n" * 40)
    assert image[32:64] == b"?" + b"n" * (NAME_BYTES - 1)


def test_empty_script_is_refused():
    with pytest.raises(PlanError, match="must not be empty"):
        script_image("")
