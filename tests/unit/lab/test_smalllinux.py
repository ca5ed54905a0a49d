import gzip
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import InfrastructureError
from lab.smalllinux import UP, Entry, archive, entries, small_initrd

FILE = stat.S_IFREG | 0o755
LIBRARY = Entry("lib/aarch64-linux-gnu/libc.so.6", FILE, b"library")
BUSYBOX = Entry("bin/busybox", FILE, b"\x7fELF")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BOOTLAB_CACHE", str(tmp_path / "cache"))


def installer(tmp_path: Path, *files: Entry) -> Path:
    path = tmp_path / "initrd.gz"
    path.write_bytes(gzip.compress(archive(list(files))))
    return path


def test_it_keeps_what_a_shell_needs_and_adds_its_init(cache, tmp_path):
    other = [Entry("bin/udpkg", FILE, b"x"), Entry("lib/modules/6.1/a.ko", FILE, b"x"), Entry("init", FILE)]
    made = small_initrd(installer(tmp_path, BUSYBOX, LIBRARY, *other))
    found = list(entries(gzip.decompress(made.read_bytes())))
    assert [e.name for e in found] == ["bin/busybox", "lib/aarch64-linux-gnu/libc.so.6", "init"]
    assert UP.encode() in found[-1].data
    assert small_initrd(tmp_path / "initrd.gz") == made, "made once"


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"no cpio", mtime=0), gzip.compress(archive([]), mtime=0)]
)
def test_what_is_no_installer(cache, tmp_path, content):
    path = tmp_path / "initrd.gz"
    path.write_bytes(content)
    with pytest.raises(InfrastructureError, match=r"initrd\.gz"):
        small_initrd(path)


@given(st.lists(st.builds(Entry, st.text("abc/.", min_size=1).map("x".__add__), st.just(FILE), st.binary())))
def test_archives_come_back(files):
    assert list(entries(archive(files))) == files


@given(st.binary(max_size=300))
def test_what_is_cut_is_told(data):
    whole = archive([Entry("a", FILE, data + b"1")])
    with pytest.raises(ValueError, match=r"cut short|no cpio header"):
        list(entries(whole[: 112 + len(data)]))
