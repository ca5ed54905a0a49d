"""The kernel's modules come in the order in which they can be loaded."""

import subprocess

import pytest

from lab.errors import InfrastructureError
from lab.refos.build.kernel import read_kernel

DEPENDS = {"virtio": "", "virtio_blk": "virtio", "crc16": "", "ext4": "crc16,jbd2", "jbd2": ""}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("kernel")
    root = tmp_path / "root"
    modules = root / "lib/modules/6.1-arm64"
    for folder in (root / "DEBIAN", root / "boot", modules / "kernel"):
        folder.mkdir(parents=True)
    control = "Package: linux-image-6.1\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: b\n"
    (root / "DEBIAN/control").write_text(control)
    (root / "boot/vmlinuz-6.1-arm64").write_bytes(b"the kernel")
    for name, depends in DEPENDS.items():
        text = f"\x7fELF license=GPL\0depends={depends}\0name={name}\0"
        (modules / "kernel" / f"{name.replace('_', '-')}.ko").write_text(text)
    (modules / "modules.builtin").write_text("kernel/drivers/rtc-pl031.ko\n")
    archive = tmp_path / "kernel.deb"
    subprocess.run(["dpkg-deb", "--build", str(root), str(archive)], check=True, stdout=subprocess.DEVNULL)
    return archive


def test_what_a_module_depends_on_comes_first(package):
    kernel = read_kernel(package, ["ext4", "rtc-pl031", "virtio-blk"])
    assert (kernel.release, kernel.image) == ("6.1-arm64", b"the kernel")
    names = [name for name, _data in kernel.modules]
    assert names == ["crc16.ko", "jbd2.ko", "ext4.ko", "virtio.ko", "virtio_blk.ko"]


def test_a_module_that_is_not_there_is_named(package):
    with pytest.raises(InfrastructureError, match=r"no module nbd"):
        read_kernel(package, ["nbd"])
