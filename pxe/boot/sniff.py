"""What a file is, by its first bytes: kernels, initial ramdisks, device trees, EFI programs.

Only headers are read. Whether a kernel works is the board's to say; whether it is one at all, and for which
processor, is told here, when the plan is stored, and not on a console in a rack at night.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

from pxe.errors import PlanError
from pxe.plan import Arch

_HEAD = 64 * 1024
_PE_MACHINES = {
    0x014C: Arch.X86,
    0x8664: Arch.X86_64,
    0x01C0: Arch.ARM,
    0x01C2: Arch.ARM,
    0x01C4: Arch.ARM,
    0xAA64: Arch.ARM64,
    0x5064: Arch.RISCV64,
}
_ELF_MACHINES = {3: Arch.X86, 62: Arch.X86_64, 40: Arch.ARM, 183: Arch.ARM64, 243: Arch.RISCV64}
_ARCHIVES = (
    (b"070701", "cpio"),
    (b"070702", "cpio"),
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x02\x21\x4c\x18", "lz4"),  # the legacy format, which the kernel's unpacker wants
    (b"\x89LZO", "lzo"),
    (b"BZh", "bzip2"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x27\x05\x19\x56", "U-Boot image"),
)
_DTB_MAGIC = b"\xd0\x0d\xfe\xed"
_XLF_KERNEL_64 = 1  # Linux boot protocol 2.12, xloadflags


@dataclass(frozen=True, slots=True)
class Program:
    """A kernel or loader: `kind` in words for people, "" where the bytes tell nothing.

    `zboot`: an EFI program that unpacks a kernel inside it; only EFI can start it. `gzipped`: the bytes are
    compressed as a whole.
    """

    kind: str = ""
    arch: Arch | None = None
    zboot: bool = False
    gzipped: bool = False


def head_of(path: Path) -> bytes:
    """Return a file's first bytes. Raises PlanError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as exc:
        raise PlanError(f"{path}: {exc.strerror}") from None


def program(head: bytes) -> Program:
    """Return what kernel or loader begins with `head`."""
    if head[:2] == b"\x1f\x8b":
        return _gzipped(head)
    if head[:2] == b"MZ" and head[4:8] == b"zimg":  # Linux drivers/firmware/efi/libstub/zboot-header.S
        return Program("EFI zboot kernel", _pe_machine(head), zboot=True)
    if head[0x38:0x3C] == b"ARMd":  # Linux Documentation/arch/arm64/booting.rst
        return Program("arm64 Image", Arch.ARM64)
    if head[0x38:0x3C] == b"RSC\x05":  # Documentation/arch/riscv/boot-image-header.rst
        return Program("riscv Image", Arch.RISCV64)
    if head[0x24:0x28] == b"\x18\x28\x6f\x01":
        return Program("arm zImage", Arch.ARM)
    if head[0x202:0x206] == b"HdrS":  # Documentation/arch/x86/boot.rst
        return Program("x86 bzImage", _bzimage_arch(head))
    if head[:2] == b"MZ" and _is_pe(head):
        return Program("EFI program", _pe_machine(head))
    if head[:4] == b"\x7fELF":
        return Program("ELF file", _ELF_MACHINES.get(int.from_bytes(head[18:20], "little")))
    return Program()


def archive(head: bytes) -> str:
    """Return the kind of archive that begins with `head`; "" where it is none that a kernel unpacks."""
    return next((kind for magic, kind in _ARCHIVES if head.startswith(magic)), "")


def device_tree_fault(head: bytes, size: int) -> str:
    """Return what is wrong with a flattened device tree of `size` bytes; "" where it looks like one."""
    if head[:4] != _DTB_MAGIC:
        return "is no device tree blob (it does not begin with d00dfeed); compile it with dtc"
    told = int.from_bytes(head[4:8], "big")
    return f"says that it has {told} bytes, the file has {size}: it is cut short" if told > size else ""


def _gzipped(head: bytes) -> Program:
    try:
        inside = zlib.decompressobj(wbits=31).decompress(head, _HEAD)
    except zlib.error:
        return Program()
    found = program(inside) if inside[:2] != b"\x1f\x8b" else Program()
    return Program(f"gzip of {found.kind or 'something'}", found.arch, found.zboot, gzipped=True)


def _is_pe(head: bytes) -> bool:
    at = int.from_bytes(head[0x3C:0x40], "little")
    return head[at : at + 4] == b"PE\0\0"


def _pe_machine(head: bytes) -> Arch | None:
    """A PE header's machine (the offset of the header is at 0x3c)."""
    at = int.from_bytes(head[0x3C:0x40], "little")
    return _PE_MACHINES.get(int.from_bytes(head[at + 4 : at + 6], "little")) if _is_pe(head) else None


def _bzimage_arch(head: bytes) -> Arch:
    version = int.from_bytes(head[0x206:0x208], "little")
    flags = int.from_bytes(head[0x236:0x238], "little")
    return Arch.X86_64 if version >= 0x020C and flags & _XLF_KERNEL_64 else Arch.X86
