import fcntl
import os

import pytest

from lab.errors import SandboxError
from lab.sandbox.rundir import check_length, create_runtime_dir


@pytest.fixture
def cache(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("c")
    monkeypatch.setenv("BOOTLAB_CACHE", str(folder))
    monkeypatch.setattr("lab.sandbox.rundir._SUN_PATH", 1000)  # pytest's folders are long
    return folder


def test_is_private_and_locked(cache):
    folder, lock = create_runtime_dir()
    assert folder.parent == cache / "run"
    assert folder.stat().st_mode & 0o777 == 0o700
    other = os.open(folder, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    os.close(lock)


def test_one_that_is_held_stays_and_one_that_is_not_goes(cache):
    held, lock = create_runtime_dir()
    stale, stale_lock = create_runtime_dir()
    (stale / "qemu1.qmp").write_text("left over")
    os.close(stale_lock)  # its holder was killed
    fresh, fresh_lock = create_runtime_dir()
    assert held.exists()
    assert fresh.exists()
    assert not stale.exists()
    os.close(lock)
    os.close(fresh_lock)


def test_what_is_not_ours_is_not_swept(cache):
    (cache / "run").mkdir()
    (cache / "run" / "notes.txt").write_text("keep")
    (cache / "elsewhere").mkdir()
    (cache / "run" / "link").symlink_to(cache / "elsewhere")
    _, lock = create_runtime_dir()
    os.close(lock)
    assert (cache / "run" / "notes.txt").exists()
    assert (cache / "elsewhere").exists()


def test_a_path_too_long_for_sockets_is_said_so(monkeypatch, tmp_path):
    monkeypatch.setenv("BOOTLAB_CACHE", str(tmp_path / ("x" * 90)))
    with pytest.raises(SandboxError, match=r"too long for Unix sockets: .*set BOOTLAB_CACHE"):
        create_runtime_dir()


def test_length_counts_bytes_and_not_letters(tmp_path):
    check_length("/" + "x" * 80)
    with pytest.raises(SandboxError, match="bytes"):
        check_length("/" + "ü" * 80)
