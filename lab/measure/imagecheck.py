"""What can be told from a boot file alone: is the kernel whole, which board is the device tree for?

Sources: Linux Documentation/arm64/booting.rst (Image header), PE/COFF specification (section table),
Devicetree Specification v0.4 section 5 (flattened format).
"""

import struct
from pathlib import Path

_ARM64_MAGIC = b"ARM\x64"
_FDT_MAGIC = 0xD00DFEED
_FDT_BEGIN_NODE, _FDT_END_NODE, _FDT_PROP, _FDT_NOP = 1, 2, 3, 4


def kernel_fault(path: Path) -> str | None:
    """Return what is wrong with an arm64 `Image` as one sentence, or None where nothing can be told.

    The Image of a kernel with an EFI stub is also a PE file; the end of its last section is how long the file
    must be. (`image_size` of the Image header does not help: it counts the BSS, which no file holds.)
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:2] == b"\x1f\x8b":
        return None  # gzip: its own CRC tells when it is unpacked
    if len(head) < 64 or head[56:60] != _ARM64_MAGIC:
        return f"{path.name} is no arm64 Image: it has no ARM64 magic at offset 56"
    expected = _pe_file_size(head)
    if expected is not None and size < expected:
        return f"{path.name} is truncated: {size} bytes, and its own headers announce {expected}"
    return None


def _pe_file_size(head: bytes) -> int | None:
    (pe,) = struct.unpack_from("<I", head, 60)
    if head[:2] != b"MZ" or pe + 24 > len(head) or head[pe : pe + 4] != b"PE\0\0":
        return None
    sections, optional_size = (
        struct.unpack_from("<H", head, pe + 6)[0],
        struct.unpack_from("<H", head, pe + 20)[0],
    )
    ends = [0]
    for index in range(sections):
        at = pe + 24 + optional_size + 40 * index + 16
        if at + 8 > len(head):
            return None
        raw_size, raw_start = struct.unpack_from("<II", head, at)
        ends.append(raw_size + raw_start)
    return max(ends)


def dtb_compatible(path: Path) -> tuple[str, ...]:
    """Return the root node's `compatible` strings of a device tree blob; empty where it is no device tree."""
    blob = path.read_bytes()
    if len(blob) < 40 or struct.unpack_from(">I", blob)[0] != _FDT_MAGIC:
        return ()
    _, _, structs, strings = struct.unpack_from(">4I", blob)
    try:
        return _root_compatible(blob, structs, strings)
    except (struct.error, ValueError):
        return ()  # a damaged blob: nothing to be told from it


def _root_compatible(blob: bytes, at: int, strings: int) -> tuple[str, ...]:
    depth = 0
    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == _FDT_BEGIN_NODE:
            depth += 1
            if depth > 1:
                return ()  # properties precede subnodes: the root has no compatible
            at = (blob.index(b"\0", at) + 4) & ~3
        elif token == _FDT_PROP:
            length, name = struct.unpack_from(">II", blob, at)
            start, at = at + 8, (at + 8 + length + 3) & ~3
            if blob[strings + name :].split(b"\0", 1)[0] == b"compatible":
                values = blob[start : start + length].rstrip(b"\0").split(b"\0")
                return tuple(v.decode("ascii", "replace") for v in values)
        elif token != _FDT_NOP:
            return ()
