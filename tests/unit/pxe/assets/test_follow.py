"""The SHA-256 of a file that is still coming."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.assets.follow import Follower
from pxe.errors import AssetError

MIB = 1 << 20


@settings(max_examples=25)
@given(st.lists(st.integers(0, 3 * MIB), min_size=1, max_size=5), st.integers(0, 3))
def test_it_is_that_of_what_was_written_last(tmp_path_factory, pieces, again):
    path = tmp_path_factory.mktemp("f") / "file"
    with Follower(path) as follower:
        for turn in range(again + 1):  # from the first byte on, as where the file changed upstream
            path.unlink(missing_ok=True)
            summed, size = hashlib.sha256(), 0
            with path.open("wb") as file:
                follower.told(0)
                for piece in pieces:
                    data = bytes([turn, piece % 251]) * (piece // 2)
                    file.write(data)
                    file.flush()
                    summed.update(data)
                    size += len(data)
                    follower.told(size)
        assert follower.sha256(size) == summed.hexdigest()


def test_what_was_there_before_counts(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3 * MIB)
    with Follower(path) as follower:
        assert follower.sha256(3 * MIB) == hashlib.sha256(b"x" * 3 * MIB).hexdigest()


def test_a_file_that_shrinks_or_is_gone_is_said(tmp_path):
    path = tmp_path / "file"
    with Follower(path) as follower, pytest.raises(AssetError, match="No such file"):
        follower.sha256(5)
    path.write_bytes(b"xy")
    with Follower(path) as follower, pytest.raises(AssetError, match="shorter than what was written"):
        follower.sha256(5)


def fails(follower):
    with follower:
        follower.told(5)
        raise ValueError("no")


def test_nothing_of_it_stays_where_a_download_fails(tmp_path):
    follower = Follower(tmp_path / "file")
    with pytest.raises(ValueError, match="no"):
        fails(follower)
    assert not follower._thread.is_alive()


class Kept:
    """A check that keeps what it is given."""

    def __init__(self):
        self.data, self.closed = b"", False

    def update(self, data):
        assert not self.closed
        self.data += data

    def close(self):
        self.closed = True


def test_another_check_is_fed_the_same_and_anew_where_the_file_is(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old" * MIB)
    with Follower(path, Kept) as follower:
        first = follower.check
        follower.told(2 * MIB)
        follower.told(0)
        path.write_bytes(b"new")
        follower.sha256(3)
        assert follower.check.data == b"new"
    assert first.closed
    assert follower.check.closed
