import os
import zlib
from hashlib import sha256

import pytest

from pxe.boot import assets
from pxe.boot.assets import ChecksumCache, check_assets, stamp
from pxe.errors import PlanError
from pxe.plan import Asset, BootPlan


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(b"some bytes")
    return path


def test_stamp_of_a_file(image):
    assert stamp(image).size == 10
    assert stamp(image).mtime_ns == image.stat().st_mtime_ns


def test_stamp_refuses_what_cannot_be_served(tmp_path, image, monkeypatch):
    with pytest.raises(PlanError, match="No such file"):
        stamp(tmp_path / "nothing")
    with pytest.raises(PlanError, match="not a regular file"):
        stamp(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(PlanError, match="not a regular file"):
        stamp(tmp_path / "fifo")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    with pytest.raises(PlanError, match="not readable"):
        stamp(image)


def test_checksums_are_those_of_the_bytes_and_computed_once(image, monkeypatch):
    cache = ChecksumCache()
    found, sums = cache.of(image)
    assert found.size == 10
    assert sums.crc32 == f"{zlib.crc32(b'some bytes'):08x}"
    assert sums.sha256 == sha256(b"some bytes").hexdigest()
    real, calls = assets._compute, []
    monkeypatch.setattr(assets, "_compute", lambda path: calls.append(path) or real(path))
    assert cache.of(image)[1] == sums
    assert calls == []
    image.write_bytes(b"other bytes")
    assert cache.of(image)[1].crc32 == f"{zlib.crc32(b'other bytes'):08x}"
    assert calls == [image]


def test_a_file_that_changes_meanwhile_is_not_remembered(image, monkeypatch):
    cache, real = ChecksumCache(), assets._compute

    def compute_while_it_grows(path):
        sums = real(path)
        path.write_bytes(path.read_bytes() + b"!")
        return sums

    monkeypatch.setattr(assets, "_compute", compute_while_it_grows)
    with pytest.raises(PlanError, match="changed while"):
        cache.of(image)
    monkeypatch.setattr(assets, "_compute", real)
    assert cache.of(image)[1].crc32 == f"{zlib.crc32(b'some bytes!'):08x}"


def test_a_disk_that_cannot_read_is_a_plan_error(image, monkeypatch):
    known = stamp(image)
    monkeypatch.setattr(assets, "stamp", lambda _: known)
    image.unlink()
    with pytest.raises(PlanError, match="No such file"):
        ChecksumCache().of(image)


def test_check_assets_names_field_and_path(image, tmp_path):
    good = Asset("k", image)
    check_assets(BootPlan(name="p", kernel=good, initrd=good, files=(good,)))
    with pytest.raises(PlanError, match=r"files\[1\]: path .*/none: No such file"):
        check_assets(BootPlan(name="p", kernel=good, files=(good, Asset("x", tmp_path / "none"))))
    with pytest.raises(PlanError, match="initrd: path 'here': write an absolute path"):
        check_assets(BootPlan(name="p", kernel=good, initrd=Asset("i", type(image)("here"))))
