import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.sniff import archive, device_tree_fault, head_of, program
from pxe.errors import PlanError
from pxe.plan import Arch


def put(at, value, size=0x400, base=b""):
    head = bytearray(base.ljust(size, b"\0"))
    head[at : at + len(value)] = value
    return bytes(head)


def pe(machine, base=b"MZ"):
    head = put(0x3C, (0x80).to_bytes(4, "little"), base=base)
    return put(0x80, b"PE\0\0" + machine.to_bytes(2, "little"), base=head)


IMAGE = put(0x38, b"ARMd")
BZIMAGE = put(0x236, b"\x01\0", base=put(0x206, b"\x0c\x02", base=put(0x202, b"HdrS")))
OLD_BZIMAGE = put(0x206, b"\x04\x02", base=put(0x202, b"HdrS"))
ZBOOT = pe(0xAA64, b"MZ\0\0zimg")


@pytest.mark.parametrize(
    ("head", "kind", "arch"),
    [
        (IMAGE, "arm64 Image", Arch.ARM64),
        (put(0x38, b"ARMd", base=pe(0xAA64)), "arm64 Image", Arch.ARM64),  # with an EFI stub: both at once
        (put(0x38, b"RSC\x05"), "riscv Image", Arch.RISCV64),
        (put(0x24, b"\x18\x28\x6f\x01"), "arm zImage", Arch.ARM),
        (BZIMAGE, "x86 bzImage", Arch.X86_64),
        (OLD_BZIMAGE, "x86 bzImage", Arch.X86),
        (pe(0x8664), "EFI program", Arch.X86_64),
        (pe(0x1234), "EFI program", None),
        (ZBOOT, "EFI zboot kernel", Arch.ARM64),
        (put(18, b"\xb7\0", base=b"\x7fELF"), "ELF file", Arch.ARM64),
        (gzip.compress(IMAGE, mtime=0), "gzip of arm64 Image", Arch.ARM64),
        (gzip.compress(b"anything", mtime=0), "gzip of something", None),
        (gzip.compress(gzip.compress(IMAGE, mtime=0), mtime=0), "gzip of something", None),
        (b"\x1f\x8bbroken", "", None),
        (b"", "", None),
        (b"MZ", "", None),
        (b"#!/bin/sh\n", "", None),
    ],
)
def test_kernels_and_loaders(head, kind, arch):
    found = program(head)
    assert (found.kind, found.arch) == (kind, arch)
    assert found.zboot is (head is ZBOOT)
    assert found.gzipped is kind.startswith("gzip")


@given(st.binary(max_size=600))
def test_any_bytes_are_told_without_a_fault(head):
    program(head)
    program(b"MZ\0\0zimg" + head)
    program(b"\x1f\x8b\x08" + head)
    archive(head)
    device_tree_fault(head, len(head))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"070701", "cpio"),
        (gzip.compress(b"x", mtime=0), "gzip"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"PK\3\4", ""),
    ],
)
def test_archives(head, kind):
    assert archive(head) == kind


def test_device_trees():
    whole = b"\xd0\x0d\xfe\xed" + (40).to_bytes(4, "big")
    assert device_tree_fault(whole, 40) == ""
    assert "cut short" in device_tree_fault(whole, 39)
    assert "d00dfeed" in device_tree_fault(b"MZ", 2)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(PlanError, match="No such file"):
        head_of(tmp_path / "x")


@pytest.mark.parametrize(("debian", "arch"), [("arm64", Arch.ARM64), ("amd64", Arch.X86_64)])
def test_debians_own_kernels(debian, arch):
    folder = Path(f"/usr/lib/debian-installer/images/12/{debian}/text/debian-installer/{debian}")
    if not (folder / "linux").is_file():
        pytest.skip(f"debian-installer-12-netboot-{debian} is not installed")
    assert program(head_of(folder / "linux")).arch is arch
    assert archive(head_of(folder / "initrd.gz")) == "gzip"
