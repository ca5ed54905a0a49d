"""The kernel inside an EFI zboot kernel: what U-Boot's booti wants of it.

A zboot kernel is an EFI program that unpacks its payload itself (Linux drivers/firmware/efi/libstub/zboot.c).
Its header (zboot-header.S), little-endian: "MZ", 4: "zimg", 8: where the payload begins, 12: how long it is,
24: how it is compressed, a word of at most 32 bytes that ends with a zero.
"""

import lzma
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pxe.assets.store import storing
from pxe.errors import AssetError

_HEAD = struct.Struct("<2s2x4sII8x32s")
_MOST: Final = 512 << 20  # bytes that a kernel may unpack to


def is_zboot(path: Path) -> bool:
    """Whether the file begins as an EFI zboot kernel does."""
    with storing(path), path.open("rb") as file:
        head = file.read(8)
    return (head[:2], head[4:8]) == (b"MZ", b"zimg")


def unpack(data: bytes) -> bytes:
    """Return the kernel that the zboot kernel `data` holds.

    Raises AssetError: it is none, it is damaged, it is compressed by what this host cannot undo.
    """
    if len(data) < _HEAD.size:
        raise AssetError(f"{len(data)} bytes are no EFI zboot kernel")
    magic, kind, offset, size, word = _HEAD.unpack_from(data)
    if (magic, kind) != (b"MZ", b"zimg"):
        raise AssetError("it is no EFI zboot kernel: it does not begin with MZ and zimg")
    if offset + size > len(data):
        raise AssetError(
            f"it is cut short: its payload ends at byte {offset + size}, the file at {len(data)}"
        )
    method = word.split(b"\0")[0].decode("ascii", "backslashreplace")
    undo = _METHODS.get(method)
    if undo is None:
        raise AssetError(f"it is compressed by {method!r}; known are {', '.join(sorted(_METHODS))}")
    kernel = undo(data[offset : offset + size])
    if not kernel:
        raise AssetError("there is nothing in it")
    return kernel


def _gzip(data: bytes) -> bytes:
    try:
        return _whole(zlib.decompressobj(wbits=31).decompress(data, _MOST + 1))
    except zlib.error as exc:
        raise AssetError(f"its payload is damaged: {exc}") from None


def _lzma(data: bytes) -> bytes:
    try:
        return _whole(lzma.LZMADecompressor().decompress(data, _MOST + 1))
    except lzma.LZMAError as exc:
        raise AssetError(f"its payload is damaged: {exc}") from None


def _by_program(program: str) -> Callable[[bytes], bytes]:
    """Python has no such decompressor of its own."""

    def undo(data: bytes) -> bytes:
        path = shutil.which(program)
        if path is None:
            raise AssetError(f"it is compressed by {program}, which is not here: apt-get install {program}")
        with tempfile.TemporaryFile() as packed:
            packed.write(data)
            packed.seek(0)
            argv = [path, "-dcq"]
            pipe = subprocess.PIPE
            with subprocess.Popen(argv, stdin=packed, stdout=pipe, stderr=subprocess.DEVNULL) as process:
                assert process.stdout is not None
                kernel = process.stdout.read(_MOST + 1)
                if len(kernel) > _MOST:
                    process.kill()
        if process.returncode > 0:
            raise AssetError(f"its payload is damaged: {program} cannot unpack it")
        return _whole(kernel)

    return undo


def _whole(kernel: bytes) -> bytes:
    if len(kernel) > _MOST:
        raise AssetError(f"it unpacks to more than {_MOST >> 20} MiB")
    return kernel


# The words of Linux scripts/Makefile.lib and drivers/firmware/efi/libstub/Makefile.zboot
_METHODS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "lzma": _lzma,
    "xzkern": _lzma,
    "zstd": _by_program("zstd"),
    "zstd22": _by_program("zstd"),
    "lz4": _by_program("lz4"),
    "lzo": _by_program("lzop"),
}
