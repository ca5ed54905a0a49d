import itertools
import json
import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.console.transcript import Transcript
from lab.drivers.stream.replay import read_cast
from lab.errors import InfrastructureError


class BrokenFile:
    """A file on a disk that is full."""

    def write(self, text):
        raise OSError(28, "No space left on device")

    def flush(self):
        pass

    close = flush


class BufferedFile(BrokenFile):
    """One that keeps what did not go and tries it again when it is closed, as a real one does."""

    def close(self):
        self.write("again")


def outputs(path):
    return [e.text for e in read_cast(path)[1] if e.kind == "o"]


def test_header_tells_wall_time_once_and_where_event_times_begin(tmp_path):
    transcript = Transcript(tmp_path / "new" / "a.cast", title="virt")
    transcript.output(transcript.start_ns + 1_500_000_000, b"U-Boot\r\n")
    transcript.close()
    header, events = read_cast(tmp_path / "new" / "a.cast")
    assert header["version"] == 2
    assert header["title"] == "virt"
    assert header["timestamp"] > 1_700_000_000
    assert header["bootlab"]["monotonic_start_ns"] == transcript.start_ns
    assert [(e.seconds, e.kind, e.text) for e in events] == [(1.5, "o", "U-Boot\r\n")]


def test_input_is_recorded_where_asked_for(tmp_path):
    for asked, kinds in ((True, ["i", "o"]), (False, ["o"])):
        transcript = Transcript(tmp_path / "a.cast", record_input=asked)
        transcript.input(transcript.start_ns, b"x")
        transcript.output(transcript.start_ns, b"x")
        transcript.close()
        assert [e.kind for e in read_cast(tmp_path / "a.cast")[1]] == kinds


def test_what_was_flushed_survives_a_crash(tmp_path):
    path = tmp_path / "a.cast"
    transcript = Transcript(path)
    transcript.output(transcript.start_ns, b"one")
    transcript.output(transcript.start_ns + 10**9, b"two")  # a second later: written with the first
    assert outputs(path) == ["one", "two"]  # nobody closed the file
    transcript.output(transcript.start_ns + 10**9, b"three")
    transcript.flush()
    assert outputs(path)[-1] == "three"
    transcript.close()


@given(text=st.text(max_size=30), cuts=st.lists(st.integers(0, 80), max_size=5))
def test_code_points_cut_in_two_are_whole_again(tmp_path_factory, text, cuts):
    path = tmp_path_factory.mktemp("t") / "a.cast"
    data = text.encode()
    transcript = Transcript(path)
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        transcript.output(transcript.start_ns, data[start:end])
    transcript.close()
    assert "".join(outputs(path)) == text


def test_bytes_that_are_not_utf8_are_replaced_in_the_file_and_kept_in_memory(tmp_path):
    transcript = Transcript(tmp_path / "a.cast")
    transcript.output(5, b"\xff\x00\xe2\x82")
    transcript.close()
    assert "".join(outputs(tmp_path / "a.cast")) == "\ufffd\x00\ufffd"
    assert transcript.bytes_since(0) == b"\xff\x00\xe2\x82"
    assert transcript.text_since(0) == "\ufffd\x00\ufffd"


def test_memory_is_bounded_and_answers_by_time():
    transcript = Transcript(memory_bytes=100)
    for t_ns in range(50):
        transcript.output(t_ns, b"0123456789")
    assert len(transcript.bytes_since(0)) <= 100
    assert transcript.chunks_since(48) == [(48, b"0123456789"), (49, b"0123456789")]
    assert transcript.text_since(49) == "0123456789"
    assert transcript.text_since(50) == ""


@pytest.mark.parametrize("file", [BrokenFile, BufferedFile])
def test_a_full_disk_ends_the_file_and_nothing_else(tmp_path, caplog, file):
    transcript = Transcript(tmp_path / "a.cast")
    transcript._file.close()
    transcript._file = file()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            transcript.output(transcript.start_ns, b"x")
            transcript.flush()
    assert "No space left" in transcript.failed
    assert len(caplog.records) == 1
    assert transcript.text_since(0) == "xxx"
    transcript.close()
    transcript.close()
    transcript.close()
    transcript.close()


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrastructureError, match=r"cannot record the console: .*file/a\.cast"):
        Transcript(tmp_path / "file" / "a.cast")


def test_every_line_is_json(tmp_path):
    transcript = Transcript(tmp_path / "a.cast")
    transcript.output(transcript.start_ns, b'"\\\x00\x1b[0m\n\xe2\x80\xa8')
    transcript.close()
    text = (tmp_path / "a.cast").read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.split("\n") if line][1][2] == '"\\\x00\x1b[0m\n\u2028'


def test_closed_by_one_thread_while_another_records(tmp_path):
    transcript = Transcript(tmp_path / "a.cast")
    errors = []

    def record():
        try:
            for _ in range(5000):
                transcript.output(transcript.start_ns, b"x")
                transcript.flush()
        except Exception as error:
            errors.append(error)

    recorder = threading.Thread(target=record)
    recorder.start()
    transcript.close()
    recorder.join()
    assert errors == []
