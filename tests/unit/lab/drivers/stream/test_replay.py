import json

import pytest

from lab.drivers.stream.replay import ReplayStream, read_cast
from lab.errors import InfrastructureError, StreamClosed
from lab.interfaces import ByteStream

HEADER = {"version": 2, "width": 80, "height": 24}


@pytest.fixture
def cast(tmp_path):
    path = tmp_path / "boot.cast"
    events = [[0.0, "o", "U-Boot\r\n"], [0.01, "i", "x"], [0.05, "o", "=> "], [0.06, "o", "é\u2028"]]
    path.write_text("\n".join(map(json.dumps, [HEADER, *events])) + "\n")
    return path


def play(stream, timeout=1.0):
    chunks = []
    stream.open()
    while True:
        try:
            chunks.append(stream.read(timeout))
        except StreamClosed:
            return chunks


def test_plays_the_output_at_once(cast):
    stream = ReplayStream(cast)
    assert isinstance(stream, ByteStream)
    assert play(stream) == [b"U-Boot\r\n", b"=> ", "é\u2028".encode()]
    assert play(stream)[0] == b"U-Boot\r\n"  # opened again: from the beginning


def test_plays_with_the_pauses_it_had(cast):
    chunks = play(ReplayStream(str(cast), realtime=True), timeout=0.01)
    assert b"" in chunks
    assert [c for c in chunks if c] == [b"U-Boot\r\n", b"=> ", "é\u2028".encode()]


def test_keeps_what_is_written(cast):
    stream = ReplayStream(cast)
    stream.open()
    stream.write(b"abc")
    assert stream.written == b"abc"
    stream.close()
    for call in (lambda: stream.read(1), lambda: stream.write(b"x")):
        with pytest.raises(StreamClosed, match="closed"):
            call()


def test_a_last_line_cut_off_by_a_crash_is_left_out(cast):
    cast.write_text(cast.read_text()[:-5])
    assert len(read_cast(cast)[1]) == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1: not an asciicast v2"),
        ("{}", ":1: not an asciicast v2"),
        ('{"version": 1}', ":1: not an asciicast v2"),
        ('{"version": 2}\n[1, "o"]\n[2, "o", "x"]\n', ":2: not an event"),
        ('{"version": 2}\nnonsense\n[2, "o", "x"]\n', ":2: not an event"),
    ],
)
def test_names_the_line_that_is_wrong(tmp_path, text, complaint):
    path = tmp_path / "a.cast"
    path.write_text(text)
    with pytest.raises(InfrastructureError, match=complaint):
        ReplayStream(path).open()


def test_names_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InfrastructureError, match=r"none\.cast"):
        ReplayStream(tmp_path / "none.cast").open()


def test_the_end_is_said(cast):
    stream = ReplayStream(cast)
    play(stream)
    with pytest.raises(StreamClosed, match="the recording has ended"):
        stream.read(1)
