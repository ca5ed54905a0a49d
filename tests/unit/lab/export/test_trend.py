import xml.etree.ElementTree as ET

import pytest

from lab.errors import UsageError
from lab.export.trend import MOST_NIGHTS, trend
from lab.index import NightValues

SVG = "{http://www.w3.org/2000/svg}"


def night(name: str, *values: float, emulated: bool = True) -> NightValues:
    return NightValues(
        night=name, started_at="2026-11-22T04:36:00+00:00", emulated=emulated, run_ids=("r",), unit="s",
        values=values, recorded=len(values), ready=len(values), image_digests=(), console_args=(),
    )  # fmt: skip


def test_a_night_is_a_point_at_its_median():
    drawn = ET.fromstring(trend("x", "total", [night("n1", 10, 12, 11), night("n2", 20, 22), night("n3")]))
    dots = list(drawn.iter(f"{SVG}circle"))
    assert [dot.find(f"{SVG}title").text for dot in dots] == [
        "n1: 11.00 s, 10.00 to 12.00, 3 boots",
        "n2: 21.00 s, 20.00 to 22.00, 2 boots",
    ]
    first, second = (float(dot.get("cy")) for dot in dots)
    assert first > second, "longer is higher up"
    (course,) = drawn.iter(f"{SVG}polyline")
    assert len(course.get("points").split()) == 2


def test_one_night_and_many():
    assert len(list(ET.fromstring(trend("x", "t", [night("n", 1)])).iter(f"{SVG}circle"))) == 1
    many = trend("x", "t", [night(str(i), i) for i in range(1, 500)])
    assert len(list(ET.fromstring(many).iter(f"{SVG}circle"))) == MOST_NIGHTS


def test_what_cannot_be_drawn():
    with pytest.raises(UsageError, match="no night has values of total"):
        trend("x", "total", [night("n")])
    with pytest.raises(UsageError, match="emulated and real boards do not belong in one picture"):
        trend("x", "total", [night("n", 1), night("m", 1, emulated=False)])


def test_values_of_nothing_and_hostile_names():
    text = trend("<script>", "a&b", [night('"><script>', 0.0, 0.0)])
    assert not list(ET.fromstring(text).iter(f"{SVG}script"))
