import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.console.clean import Cleaner

PIECES = st.sampled_from(
    [
        b"\x1b",
        b"[",
        b"0m",
        b"]",
        b"\x07",
        b"\\",
        b"P",
        b"\r",
        b"\n",
        b"text",
        b"2;31",
        b"(",
        b"B",
        b"\xff",
        b"c",
        b" ",
    ]
)
STREAM = st.lists(PIECES, max_size=25).map(b"".join)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"plain\n", b"plain\n"),
        (b"a\r\nb\r\r\nc\n\rd", b"a\nb\nc\nd"),
        (b"\x1b[1;31mred\x1b[0m", b"red"),
        (b"\x1b7\x1b[r\x1b[999;999H\x1b[6n\x1b8=> ", b"=> "),  # what U-Boot asks a terminal's size with
        (b"\x1b]0;title\x07x\x1b]0;title\x1b\\y", b"xy"),
        (b"\x1b(B\x1b[?2004hroot# ", b"root# "),  # bracketed paste, bash
        (b"\x1b[Kernel", b"ernel"),
        (b"\x1b[31\nKernel panic", b"[31\nKernel panic"),  # a newline ends what began by accident
        (b"\x1b\x1b[0mx", b"x"),
        (b"\x08\x08\x08 1 \x07", b"\x08\x08\x08 1 \x07"),
    ],
)
def test_takes_out_sequences_and_carriage_returns(raw, clean):
    assert Cleaner().feed(raw) == clean


@given(STREAM)
@example(b"\x1b]" + b"x" * 300 + b"\n")
@example(b"\x1b[" + b"1" * 40 + b"m")
def test_split_at_every_byte_gives_the_same(data):
    cleaner = Cleaner()
    assert b"".join(cleaner.feed(data[i : i + 1]) for i in range(len(data))) == Cleaner().feed(data)


@given(STREAM)
def test_clean_text_stays_as_it_is(data):
    clean = Cleaner().feed(data)
    if b"\x1b" not in clean:
        assert Cleaner().feed(clean) == clean


@given(STREAM)
def test_a_stray_escape_costs_at_most_its_line(data):
    assert Cleaner().feed(data + b"\nKernel panic\n").endswith(b"\nKernel panic\n")
