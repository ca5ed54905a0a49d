"""Old builds go, the ten used last stay, and none that may be in use."""

import os
import time

import pytest

from lab.refos.build.prune import prune


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BOOTLAB_CACHE", str(tmp_path))

    def make(name, hours, mark):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "slot.img").write_bytes(b"x" * 8192)
        (folder / mark).touch()
        then = time.time() - hours * 3600
        os.utime(folder / mark, (then, then))
        return folder

    return make


def test_the_ten_used_last_stay(cache):
    for number in range(12):
        cache(f"refos/arm64/image-{number:02}", 2 + number, "made")
        cache(f"upgrades/image-{number:02}", 14 - number, "lock")
    new = cache("refos/amd64/image-0", 99, "made")
    said = []
    found = prune(said.append)
    assert [path.name for path, _ in found] == ["image-10", "image-11", "image-01", "image-00"]
    assert all(size >= 8192 for _, size in found)
    assert said[0].startswith("removed 4 builds that were not used for long: ")
    assert not any(path.exists() for path, _ in found)
    assert new.exists()
    assert prune(said.append) == []
    assert len(said) == 1


def test_what_may_be_in_use_stays_and_a_dry_run_removes_nothing(cache):
    used = cache("refos/arm64/image-new", 0.1, "made")
    old = cache("upgrades/image-old", 1.1, "lock")
    begun = cache("refos/arm64/image-begun", 0.1, "other")
    assert [path for path, _ in prune(print, 0, dry_run=True)] == [old]
    assert old.exists()
    assert [path for path, _ in prune(print, 0)] == [old]
    assert used.exists()
    assert begun.exists()
    assert not old.exists()
