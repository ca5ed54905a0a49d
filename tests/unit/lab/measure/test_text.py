import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.measure.text import ConsoleText


def lines(data: bytes) -> list[str]:
    """The text as a person would read it, line by line."""
    out = [""]
    for token in ConsoleText().feed(data):
        if token == "\n":
            out.append("")
        elif token == "\b":
            out[-1] = out[-1][:-1]
        else:
            out[-1] += token
    return out


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x1b[1;31mred\x1b[0m plain", ["red plain"]),
        (b"autoboot:  2 \x08\x08\x08 1 ", ["autoboot:  1 "]),
        (b"\x1b]0;window title\x07text", ["text"]),
        (b"\x1b]0;window title\x1b\\text", ["text"]),
        (b"\x1b(0lqk\x1b(B ok", ["┌─┐ ok"]),
        (b"\x1b)0\x0exx\x0fxx", ["││xx"]),
        (b"row one\x1b[9;3Hrow two", ["row one", "row two"]),
        (b"\x1b[12no line end here: 34\nnext", ["o line end here: 34", "next"]),
        (b"\x1b[1;\nafter noise", ["", "after noise"]),
        (b"\x1b]never closed\nafter", ["", "after"]),
        (b"a\x00b\x07c\x7f", ["abc"]),
        (b"\xff\xfe caf\xc3\xa9", ["\ufffd\ufffd café"]),
        ("ab\u202ecd".encode(), ["ab\ufffdcd"]),
        (b"\x1b7saved\x1b8", ["saved"]),
    ],
)
def test_reads_as_a_person_would(data, expected):
    assert lines(data) == expected


def test_a_sequence_without_end_is_given_up():
    assert lines(b"\x1b[" + b"1;" * 1000 + b"mtext")[-1].endswith("text")


console = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            [b"\x1b[1m", b"\x1b[2;1H", b"\x1b(0lqk\x1b(B", b"\r\n", b"\b\b", b"\x1b]0;t\x07", "é─".encode()]
        ),
    ),
    max_size=20,
).map(b"".join)


@settings(deadline=None)
@given(console, st.lists(st.integers(0, 100), max_size=10))
def test_split_anywhere_gives_the_same_text(data, cuts):
    decoder, tokens, start = ConsoleText(), [], 0
    for cut in [*sorted(min(c, len(data)) for c in cuts), len(data)]:
        tokens += decoder.feed(data[start:cut])
        start = cut
    assert "".join(tokens) == "".join(ConsoleText().feed(data))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_nothing_unprintable_comes_out(data):
    for char in "".join(ConsoleText().feed(data)).translate({9: None, 10: None, 8: None}):
        assert char >= " "
        assert not "\x7f" <= char <= "\x9f"
