import contextlib
import os

import pytest

from pxe.web.body import Body, Memory, OpenFile

DATA = bytes(range(256)) * 3000  # three chunks


@pytest.fixture
def path(tmp_path):
    (tmp_path / "file").write_bytes(DATA)
    return tmp_path / "file"


def opened(path, start=0):
    return OpenFile(os.open(path, os.O_RDONLY), start)


class End:
    """Remembers how a body ended."""

    def __init__(self):
        self.calls = []

    def __call__(self, sent, outcome, detail):
        self.calls.append((sent, outcome, detail))

    @property
    def outcome(self):
        ((sent, outcome, _),) = self.calls
        return sent, outcome


def close_while(body, error):
    """Close `body` as gunicorn does: in a `finally` after what failed."""
    with pytest.raises(type(error)), contextlib.closing(body):
        raise error


@pytest.mark.parametrize("start", [0, 7])
@pytest.mark.parametrize("source", [opened, lambda _, start: Memory(DATA, start)], ids=["file", "memory"])
def test_iteration_gives_the_part_and_counts_it(path, source, start):
    end = End()
    body = Body(source(path, start), 700_000, end)
    assert b"".join(body) == DATA[start : start + 700_000]
    body.close()
    body.close()
    assert end.calls == [(700_000, "complete", "")]


def test_a_chunk_counts_once_the_server_comes_for_the_next(path):
    end = End()
    body = Body(opened(path), len(DATA), end)
    first = next(body)
    next(body)
    close_while(body, BrokenPipeError())
    assert end.outcome == (len(first), "aborted")


def test_sendfile_says_by_seek_how_far_it_got(path):
    end = End()
    body = Body(opened(path, 100), 1000, end)
    assert body.filelike.fileno() >= 0
    body.filelike.seek(100 + 1000)
    body.close()
    assert end.outcome == (1000, "complete")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ConnectionResetError(), "aborted"), (BrokenPipeError(), "aborted"), (TimeoutError(), "stalled")],
)
def test_a_broken_transfer_is_told_from_a_stalled_one(path, error, outcome):
    end = End()
    body = Body(opened(path), len(DATA), end)
    body.filelike.seek(5000)
    close_while(body, error)
    assert end.outcome == (5000, outcome)
    assert f"5000 of {len(DATA)}" in end.calls[0][2]


def test_all_handed_over_is_complete_even_if_the_end_was_rough(path):
    end = End()
    body = Body(opened(path), 10, end)
    body.filelike.seek(10)
    close_while(body, ConnectionResetError())
    assert end.outcome == (10, "complete")


def test_a_file_that_shrinks_ends_the_connection(path):
    end = End()
    body = Body(opened(path), len(DATA), end)
    os.truncate(path, 1000)
    assert len(b"".join(body)) == 1000
    with pytest.raises(OSError, match="became shorter"):
        body.close()
    assert end.outcome == (1000, "error")


def test_closed_unread_is_aborted(path):
    end = End()
    Body(opened(path), 10, end).close()
    assert end.outcome == (0, "aborted")


def test_close_closes_the_file(path):
    source = opened(path)
    Body(source, 10, End()).close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(source.fileno())
