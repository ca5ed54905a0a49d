import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.report import words


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "0.00"), (0.001, "<0.01"), (1.234, "1.23"), (123.456, "123.46")]
)
def test_seconds(value, text):
    assert words.seconds(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (390, "390 B"),
        (1024, "1.0 KiB"),
        (32956352, "31.4 MiB"),
        (2**40, "1024.0 GiB"),
    ],
)
def test_size(count, text):
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("share", "text"), [(None, "–"), (0.0, "0 %"), (0.001, "<1 %"), (0.384, "38 %"), (1, "100 %")]
)
def test_percent(share, text):
    assert words.percent(share) == text


def test_ranges_say_the_unit_once():
    assert words.between(1.0, 2.0) == "1.00 to 2.00 s"
    assert words.between(1.001, 1.002) == "1.00 s"
    assert words.rates(1e7, 2e7) == "9.5 to 19.1 MiB/s"
    assert words.rates(1e3, 2e7) == "1000 B/s to 19.1 MiB/s"


def test_counts_and_moments():
    assert words.count(1, "boot") == "1 boot"
    assert words.count(12345, "line") == "12\u202f345 lines"
    assert words.moment("2026-11-22T04:36:19+00:00") == "22 November 2026, 04:36 UTC"
    assert words.moment("<script>") == "<script>"


@given(st.floats(1e-5, 1e10))
def test_ticks_are_round_few_and_inside(span):
    found = words.ticks(span)
    assert found[0] == 0
    assert len(found) <= 9
    assert found[-1] <= span * 1.001


def test_no_span_no_ticks():
    assert words.ticks(0) == [0.0]
