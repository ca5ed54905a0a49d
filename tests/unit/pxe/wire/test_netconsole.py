"""netconsole datagrams, plain and extended, with what is lost and late on the way."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pxe.wire.netconsole import MAX_PENDING, MAX_UNFINISHED, Assembler


def texts(assembler, *datagrams):
    return [line.text for data in datagrams for line in assembler.feed(data)]


def test_plain_lines_cut_anywhere():
    assembler = Assembler()
    assert texts(assembler, b"[    1.0] one\n[    1.1] tw", b"o\n", b"\n") == [
        "[    1.0] one",
        "[    1.1] two",
    ]
    assert not assembler.waiting


def test_the_last_words_are_not_held_back_for_ever():
    assembler = Assembler()
    assert texts(assembler, b"---[ end Kernel panic") == []
    assert assembler.waiting
    assert [line.text for line in assembler.flush()] == ["---[ end Kernel panic"]
    assert not assembler.waiting


def test_extended_record_with_its_dictionary():
    (line,) = Assembler().feed(
        b"6,416,1758426,-,caller=T1; usb 1-1: new device\n SUBSYSTEM=usb\n DEVICE=c189:1\n"
    )
    assert (line.facility, line.severity, line.number, line.text) == (0, 6, 416, " usb 1-1: new device")


def test_extended_record_with_the_release_in_front():
    (line,) = Assembler().feed(b"6.1.0-50-arm64,6,444,501151268,-;netconsole: network logging started\n")
    assert (line.number, line.text) == (444, "netconsole: network logging started")


def fragments(number, body, size):
    return [
        b"6,%d,7,-,ncfrag=%d/%d;" % (number, at, len(body)) + body[at : at + size]
        for at in range(0, len(body), size)
    ]


def test_fragments_in_any_order():
    body = bytes(range(65, 91)) * 40 + b"\n"
    for order in (1, -1):
        assert texts(Assembler(), *fragments(9, body, 100)[::order]) == [body[:-1].decode()]


def test_a_lost_fragment_is_marked():
    assembler = Assembler()
    first, _, last = fragments(9, b"aaabbbccc", 3)
    assert texts(assembler, first, last) == []
    assert [line.text for line in assembler.flush()] == ["aaa...ccc"]


def test_records_that_wait_are_few():
    assembler = Assembler()
    out = texts(assembler, *(fragments(n, b"x" * 10, 5)[0] for n in range(MAX_PENDING + 3)))
    assert out == ["xxxxx..."] * 3


def test_a_repeated_fragment_changes_nothing():
    first, second = fragments(9, b"aaabbb", 3)
    assert texts(Assembler(), first, first, second) == ["aaabbb"]


@given(
    st.lists(
        st.binary(max_size=3000) | st.binary(max_size=60).map(lambda b: b"6,1,2,-,ncfrag=0/99;" + b),
        max_size=12,
    )
)
def test_any_bytes_are_bounded_and_harmless(datagrams):
    assembler = Assembler()
    found = [line for data in datagrams for line in assembler.feed(data)]
    assert len(assembler._unfinished) <= MAX_UNFINISHED
    assert len(assembler._pending) <= MAX_PENDING
    for line in found + assembler.flush():
        assert line.text
        assert not [c for c in line.text if unicodedata.category(c) == "Cc" and c != "\t"]
    assert not assembler.waiting


@given(
    st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), min_size=1), st.data()
)
def test_plain_text_comes_out_whole_however_it_is_cut(said, data):
    said = ["[ " + line for line in said]
    stream = "".join(f"{line}\n" for line in said).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assembler = Assembler()
    out = texts(assembler, *pieces)
    whole = [line for line in out]
    # a cut may make a piece look like an extended header only where the text is one
    if all("," not in line or ";" not in line for line in said):
        assert whole == said
