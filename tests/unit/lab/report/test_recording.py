import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.report import recording
from lab.report.recording import read_recording

HEADER = {
    "version": 2,
    "width": 80,
    "height": 24,
    "bootlab": {"schema": 1, "monotonic_start_ns": 1_000_000_000},
}


def write(folder, events, header=HEADER, name="000.cast"):
    lines = [json.dumps(header), *(json.dumps(e) for e in events)]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def read(folder, events, t0_ns=1_000_000_000, header=HEADER):
    return read_recording(folder, write(folder, events, header), t0_ns)


def test_a_line_has_the_time_of_its_first_character(tmp_path):
    found = read(tmp_path, [[1.0, "o", "U-"], [1.5, "o", "Boot\r\n=> "], [2.0, "o", "go"]])
    assert [(line.t_ns, line.text) for line in found.lines] == [
        (2_000_000_000, "U-Boot"),
        (2_500_000_000, "=> go"),
    ]


def test_what_came_before_power_on_or_was_typed_is_not_of_this_boot(tmp_path):
    events = [[0.5, "o", "before\n"], [1.0, "i", "typed\n"], [1.5, "o", "after\n"]]
    assert [line.text for line in read(tmp_path, events, t0_ns=2_000_000_000).lines] == ["after"]


def test_without_our_header_times_count_from_power_on(tmp_path):
    found = read(tmp_path, [[1.0, "o", "x\n"]], t0_ns=5_000_000_000, header={"version": 2})
    assert found.lines[0].t_ns == 6_000_000_000


def test_blank_lines_go_and_repeated_ones_are_counted(tmp_path):
    found = read(tmp_path, [[1.0, "o", "a\n\n \na\na\nb\n"]])
    assert [(line.text, line.times) for line in found.lines] == [("a", 3), ("b", 1)]


def test_escape_sequences_and_control_characters_do_not_get_through(tmp_path):
    found = read(tmp_path, [[1.0, "o", "\x1b[31mred\x1b[0m \x00\x07\u202eok\n"]])
    assert [line.text for line in found.lines] == ["red \ufffdok"]


def test_long_lines_and_long_recordings_are_shortened(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "FIRST_LINES", 3)
    monkeypatch.setattr(recording, "LAST_LINES", 2)
    found = read(tmp_path, [[1.0, "o", "".join(f"{n}\n" for n in range(10)) + "x" * 5000]])
    assert [line.text for line in found.lines[:4]] == ["0", "1", "2", "9"]
    assert len(found.lines[4].text) < 500
    assert found.left_out == 6


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "console/../../x"])
def test_nothing_outside_the_run_is_read(tmp_path, name):
    found = read_recording(tmp_path / "run", name, 0)
    assert found.lines == ()
    assert "outside the folder" in found.note


def test_a_link_out_of_the_run_is_not_followed(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "run" / "x.cast").symlink_to(tmp_path / "secret")
    assert "outside the folder" in read_recording(tmp_path / "run", "x.cast", 0).note


def test_what_is_missing_is_said(tmp_path):
    assert read_recording(tmp_path, "", 0).note == "The console was not recorded."
    assert (
        read_recording(tmp_path, "none.cast", 0).note
        == "The recording cannot be read: No such file or directory."
    )
    assert read(tmp_path, []).note == "The console said nothing."


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40), st.sampled_from([b"[1, 2]", b'[1e999, "o", "x"]', b'[1, "o", 5]', b"{}"])
        )
    )
)
def test_damage_never_stops_the_report(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("run")
    (folder / "x.cast").write_bytes(b"\n".join(lines))
    read_recording(folder, "x.cast", 0)
