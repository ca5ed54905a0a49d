"""Trees on their way into archives: folders, links, one time, one owner."""

import io
import stat
import subprocess
import tarfile

import pytest

from lab.errors import InfrastructureError
from lab.refos.build.initrd import cpio, netboot_initrd
from lab.refos.build.rootfs import squashfs
from lab.refos.build.tree import (
    EPOCH,
    file,
    folder,
    link,
    merged,
    nodes,
    package_files,
    with_folders,
    write_tar,
)
from lab.smalllinux import entries

TREE = {"usr/bin/tool": file("x", 0o755), "bin": link("usr/bin"), "proc": folder(), "etc/a": file("1")}


def make_package(tmp_path, files):
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    control = "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: b\n"
    (root / "DEBIAN/control").write_text(control)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    subprocess.run(
        ["dpkg-deb", "--build", str(root), str(tmp_path / "p.deb")], check=True, stdout=subprocess.DEVNULL
    )
    return tmp_path / "p.deb"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("bin/sh", "usr/bin/sh"),
        ("lib/x/libc.so", "usr/lib/x/libc.so"),
        ("usr/bin/sh", "usr/bin/sh"),
        ("bin", "bin"),
        ("library/x", "library/x"),
    ],
)
def test_files_are_below_usr(path, expected):
    assert merged(path) == expected


def test_folders_come_before_what_is_in_them():
    whole = with_folders(TREE)
    assert list(whole) == ["bin", "etc", "etc/a", "proc", "usr", "usr/bin", "usr/bin/tool"]


def test_an_archive_is_roots_and_of_one_time():
    raw = io.BytesIO()
    write_tar(TREE, raw)
    raw.seek(0)
    with tarfile.open(fileobj=raw) as archive:
        members = archive.getmembers()
    assert {(m.uid, m.gid, m.mtime) for m in members} == {(0, 0, EPOCH)}
    raw.seek(0)
    with tarfile.open(fileobj=raw, mode="r|") as archive:
        assert dict(nodes(archive)) == {
            path: node for path, node in TREE.items() if not stat.S_ISDIR(node.mode)
        }


def test_a_package_gives_what_is_wanted(tmp_path):
    package = make_package(tmp_path, {"bin/tool": b"1", "usr/share/doc/p/copyright": b"2"})
    found = package_files(package, lambda path: "/doc/" not in path)
    assert {path: node.data for path, node in found.items()} == {"usr/bin/tool": b"1"}


def test_a_damaged_package_is_named(tmp_path):
    package = make_package(tmp_path, {"bin/tool": bytes(100_000)})
    package.write_bytes(package.read_bytes()[:300])
    with pytest.raises(InfrastructureError, match=r"p\.deb"):
        package_files(package, lambda path: True)


def test_two_squashfs_of_one_tree_are_the_same(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        squashfs(TREE, tmp_path / name / "root.squashfs")
    one, two = (tmp_path / name / "root.squashfs" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    listed = subprocess.run(
        ["unsquashfs", "-lls", str(one)], capture_output=True, text=True, check=True
    ).stdout
    assert "-rwxr-xr-x root/root" in listed
    assert "drwxr-xr-x root/root" in listed.splitlines()[0]


def test_the_root_file_system_follows_the_initramfs(tmp_path):
    rootfs = tmp_path / "rootfs.squashfs"
    rootfs.write_bytes(b"abc")
    small = cpio(TREE) + b"x"  # a length that is no multiple of four
    whole = netboot_initrd(small, rootfs)
    begin = len(small) + 3
    assert [(entry.name, entry.data) for entry in entries(whole[begin:])] == [("rootfs.squashfs", b"abc")]
