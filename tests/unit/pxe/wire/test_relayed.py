"""Lines that another program of ours heard: what is one, and what is none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.wire.relayed import parse_relayed

GOOD = {"ip": "10.0.0.5", "source": "kmsg", "text": "hello", "severity": 6, "number": 17}


def test_a_whole_line():
    ip, line = parse_relayed(json.dumps(GOOD).encode())
    assert (ip, line.source, line.text, line.severity, line.number) == ("10.0.0.5", "kmsg", "hello", 6, 17)
    assert (line.facility, line.app) == (None, "")


@pytest.mark.parametrize(
    "change",
    [{"source": "K"}, {"source": ""}, {"source": 1}, {"text": None}, {"ip": ["x"]}, {"app": {}}],
)
def test_what_is_none(change):
    assert parse_relayed(json.dumps(GOOD | change).encode()) is None


def test_numbers_out_of_range_are_left_out():
    _, line = parse_relayed(json.dumps(GOOD | {"severity": 8, "number": -1, "facility": True}).encode())
    assert (line.severity, line.number, line.facility) == (None, None, None)


def test_what_could_drive_a_terminal_is_made_harmless():
    _, line = parse_relayed(json.dumps(GOOD | {"text": "a\x1b[2J\nb\u202e"}).encode())
    assert line.text == "a\\x1b[2J b\\u202e"


@settings(max_examples=50)
@given(
    st.binary(max_size=500)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda c: st.dictionaries(st.sampled_from([*GOOD]), c),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes(data):
    found = parse_relayed(data)
    assert found is None or "\n" not in found[1].text
