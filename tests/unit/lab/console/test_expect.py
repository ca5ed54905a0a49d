import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.console.expect import Expect, Pattern
from lab.errors import UsageError

PATTERNS = [
    Pattern("prompt", rb"^=> "),
    Pattern("word", rb"ab{1,3}c?"),
    Pattern("either", rb"(b)|(ca)"),
    Pattern("long", rb"a[^c]{2,6}c"),
    Pattern("line", rb"^b[ab]{0,3}\n"),
]
ALPHABET = st.sampled_from([b"a", b"b", b"c", b"\n", b"=> ", b"=", b">", b" "])
STREAM = st.lists(ALPHABET, max_size=40).map(b"".join)
SOME = st.lists(st.sampled_from(PATTERNS), min_size=1, unique=True)


def found(matches):
    return [(m.pattern, m.start, m.end, m.data, m.groups) for m in matches]


def at_once(patterns, data):
    return found(Expect(patterns).feed(0, data))


def by_the_rule(patterns, data):
    """The rule of the module's docstring, written as the slowest program that follows it."""
    matches, floor, end = [], 0, 1
    padded = b"\n" + data
    while end <= len(data):
        hits = [
            (start, number, hit)
            for number, pattern in enumerate(patterns)
            for start in range(floor, end)
            if (hit := pattern.regex.fullmatch(padded, start + 1, end + 1))
        ]
        if hits:
            start, number, hit = min(hits, key=lambda h: h[:2])
            matches.append((patterns[number].name, start, end, hit[0], hit.groups()))
            floor = end
        end += 1
    return matches


@given(SOME, STREAM)
def test_finds_what_the_rule_says(patterns, data):
    assert at_once(patterns, data) == by_the_rule(patterns, data)


@given(SOME, STREAM)
def test_split_at_every_byte_gives_the_same_matches(patterns, data):
    expect = Expect(patterns)
    one_by_one = [m for i in range(len(data)) for m in expect.feed(i, data[i : i + 1])]
    assert found(one_by_one) == at_once(patterns, data)
    assert all(m.t_ns == m.end - 1 for m in one_by_one)  # stamped by the chunk that completed it


@given(SOME, STREAM, st.lists(st.integers(0, 120), max_size=6))
def test_any_split_gives_the_same_matches(patterns, data, cuts):
    expect = Expect(patterns)
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    if b"".join(pieces) == data:
        assert found(m for p in pieces for m in expect.feed(0, p)) == at_once(patterns, data)


def test_earliest_match_wins_over_the_order_of_patterns():
    expect = Expect([Pattern("late", rb"login: "), Pattern("early", rb"panic")])
    assert [m.pattern for m in expect.feed(0, b"a panic, login: ")] == ["early", "late"]


def test_a_line_begins_only_where_one_does():
    patterns = [Pattern("prompt", rb"^=> ")]
    assert Expect(patterns, previous=b"x").feed(0, b"=> ") == []
    assert Expect(patterns, previous=b"\n").feed(0, b"=> ")[0].end == 3
    assert Expect(patterns).feed(0, b"crc ==> 1\nx => ") == []


def test_window_stays_bounded():
    expect = Expect(PATTERNS)
    for _ in range(1000):
        expect.feed(0, b"x" * 100)
    assert len(expect._window) < 200


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("a+", "limit"),
        (r"[^\n]*\n", "limit"),
        ("a?", "matches nothing"),
        ("a(?=b)", "ASSERT"),
        ("a$", "AT_END"),
        (r"a\b", "AT_BOUNDARY"),
        ("(?>ab?)c", "ATOMIC"),
        ("(", "missing"),
    ],
)
def test_refuses_patterns_that_depend_on_the_split(expression, complaint):
    with pytest.raises(UsageError, match=complaint):
        Pattern("bad", expression)


def test_refuses_no_patterns():
    with pytest.raises(UsageError):
        Expect([])


def test_text_replaces_what_is_not_utf8():
    match = Expect([Pattern("x", rb"x\xff(y)?")]).feed(7, b"x\xff")[0]
    assert match.text == "x\ufffd"
    assert match.groups == (None,)
    assert re.fullmatch(r"Pattern\('x', .*\)", repr(Pattern("x", "x")))
