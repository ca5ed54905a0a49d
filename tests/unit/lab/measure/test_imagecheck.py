import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.measure.imagecheck import dtb_compatible, kernel_fault


def image(raw: int) -> bytes:
    """A minimal arm64 Image with an EFI stub: one PE section of `raw` bytes at offset 512."""
    head = bytearray(512)
    head[0:2] = b"MZ"
    head[56:60] = b"ARM\x64"
    struct.pack_into("<I", head, 60, 64)
    head[64:68] = b"PE\0\0"
    struct.pack_into("<H", head, 64 + 6, 1)
    struct.pack_into("<H", head, 64 + 20, 0)
    struct.pack_into("<II", head, 64 + 24 + 16, raw, 512)
    return bytes(head) + bytes(raw)


def test_a_whole_kernel_has_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "Image"
    path.write_bytes(image(4096))
    assert kernel_fault(path) is None


def test_a_truncated_kernel_is_told_with_both_sizes(tmp_path: Path) -> None:
    path = tmp_path / "Image"
    path.write_bytes(image(4096)[:3000])
    assert kernel_fault(path) == "Image is truncated: 3000 bytes, and its own headers announce 4608"


def test_a_file_that_is_no_kernel(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"hello")
    assert "no arm64 Image" in (kernel_fault(path) or "")


def test_a_compressed_kernel_cannot_be_told(tmp_path: Path) -> None:
    path = tmp_path / "Image.gz"
    path.write_bytes(b"\x1f\x8b" + bytes(100))
    assert kernel_fault(path) is None


@settings(deadline=None)
@given(st.binary(max_size=600), st.booleans())
def test_no_bytes_break_the_kernel_check(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, pe: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz-Image"
    path.write_bytes(image(0)[:128] + data if pe else data)
    kernel_fault(path)


def fdt(struct_block: bytes, strings: bytes = b"compatible\0model\0") -> bytes:
    at = 40
    return (
        struct.pack(
            ">10I",
            0xD00DFEED,
            at + len(struct_block) + len(strings),
            at,
            at + len(struct_block),
            0,
            17,
            16,
            0,
            len(strings),
            len(struct_block),
        )
        + struct_block
        + strings
    )


def prop(offset: int, value: bytes) -> bytes:
    return struct.pack(">III", 3, len(value), offset) + value + bytes(-len(value) % 4)


def test_the_board_a_device_tree_is_for(tmp_path: Path) -> None:
    path = tmp_path / "a.dtb"
    root = struct.pack(">II", 1, 0)
    path.write_bytes(fdt(root + prop(11, b"A board\0") + prop(0, b"vendor,board\0vendor,soc\0")))
    assert dtb_compatible(path) == ("vendor,board", "vendor,soc")
    path.write_bytes(fdt(root + struct.pack(">II", 1, 0x61000000) + struct.pack(">I", 2)))
    assert dtb_compatible(path) == (), "a root without compatible"


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_break_the_device_tree_check(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, fdt_like: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.dtb"
    path.write_bytes(fdt(data) if fdt_like else data)
    dtb_compatible(path)
