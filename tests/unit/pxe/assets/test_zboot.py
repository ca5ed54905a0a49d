"""Kernels inside EFI zboot kernels. The header is made here, as Linux' zboot-header.S has it."""

import contextlib
import gzip
import hashlib
import lzma
import struct
import subprocess

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.cli.image import image
from pxe.assets import AddRequest, Promises, Store, add_image
from pxe.assets.zboot import unpack
from pxe.boot.sniff import program
from pxe.errors import AssetError

IMAGE = bytes(0x38) + b"ARMd" + bytes(range(256)) * 64


def by(*argv):
    return lambda data: subprocess.run(argv, input=data, capture_output=True, check=True).stdout


PACK = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "xzkern": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    "zstd22": by("zstd", "-c"),
}


def zboot(payload, method="gzip", offset=0x200):
    head = struct.pack("<2s2x4sII8x32s", b"MZ", b"zimg", offset, len(payload), method.encode())
    return head.ljust(offset, b"\0") + payload + b"what follows"


@pytest.mark.parametrize("method", PACK)
def test_what_was_packed_comes_out(method):
    packed = zboot(PACK[method](IMAGE), method)
    assert program(packed).zboot
    assert unpack(packed) == IMAGE


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"MZ", "2 bytes are no EFI zboot kernel"),
        (IMAGE, "does not begin with MZ and zimg"),
        (zboot(gzip.compress(IMAGE, mtime=0))[:-100], "cut short"),
        (zboot(gzip.compress(IMAGE, mtime=0), "rot13"), "compressed by 'rot13'; known are gzip, lz4"),
        (zboot(b"not gzip at all"), "damaged"),
        (zboot(b"not xz at all", "xzkern"), "damaged"),
        (zboot(b"not zstd at all", "zstd"), "damaged"),
        (zboot(b""), "nothing in it"),
    ],
    ids=["short", "image", "cut", "method", "gzip", "xz", "zstd", "empty"],
)
def test_what_is_wrong_is_said(data, said):
    with pytest.raises(AssetError, match=said):
        unpack(data)


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["gzip", "lzma", "xzkern"]))
def test_no_payload_does_more_than_raise(payload, method):
    with contextlib.suppress(AssetError):
        unpack(zboot(payload, method))


def test_the_command_writes_it(tmp_path):
    kernel, target = tmp_path / "vmlinuz", tmp_path / "Image"
    kernel.write_bytes(zboot(PACK["gzip"](IMAGE)))
    done = CliRunner().invoke(image, ["unpack", str(kernel), str(target)])
    assert done.output == f"{target}: arm64 Image, {len(IMAGE)} bytes\n"
    assert target.read_bytes() == IMAGE


def test_the_command_names_the_file_that_is_none(tmp_path):
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(IMAGE)
    done = CliRunner().invoke(image, ["unpack", str(kernel), str(tmp_path / "Image")])
    assert "no EFI zboot kernel" in str(done.exception)
    assert list(tmp_path.iterdir()) == [kernel]


def added(tmp_path, kernel, **changes):
    path = tmp_path / "vmlinuz"
    path.write_bytes(kernel)
    parts = {"kernel": str(path)}
    request = AddRequest(name="n", version="1", arch="arm64", parts=parts, unpack="image", **changes)
    store = Store(tmp_path / "images")
    return store, add_image(store, request)


def test_a_zboot_kernel_that_comes_in_is_unpacked_beside_itself(tmp_path):
    kernel = zboot(PACK["gzip"](IMAGE))
    promises = Promises(sha256={"kernel": hashlib.sha256(kernel).hexdigest()})
    store, manifest = added(tmp_path, kernel, promises=promises)
    made = manifest.parts["image"]
    assert store.blob(made.sha256).read_bytes() == IMAGE
    assert made.source == f"unpacked from vmlinuz, SHA-256 {manifest.parts['kernel'].sha256}"
    assert made.checked == manifest.parts["kernel"].checked == ("sha256 (given)",)


def test_another_kernel_stays_alone(tmp_path):
    assert list(added(tmp_path, IMAGE)[1].parts) == ["kernel"]


def test_a_damaged_zboot_kernel_is_no_image(tmp_path):
    with pytest.raises(AssetError, match="vmlinuz is an EFI zboot kernel, and its payload is damaged"):
        added(tmp_path, zboot(b"not gzip"))
    assert Store(tmp_path / "images").manifests() == []
