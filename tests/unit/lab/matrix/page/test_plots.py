import re

import pytest

from lab.matrix.page.plots import HEIGHT, LANE, MARGIN, WIDTH, NightPoint, dots, trend


def strokes(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", path)]


def test_each_boot_is_a_dot_on_one_axis():
    made = dots([1.0, 3.0], [2.0, 3.0, 5.0])
    assert made is not None
    assert [x for x, _ in strokes(made.before)] == [MARGIN, WIDTH / 2]
    assert [x for x, _ in strokes(made.now)] == [MARGIN + (WIDTH - 2 * MARGIN) / 4, WIDTH / 2, WIDTH - MARGIN]
    assert all(0 < y < LANE for _, y in strokes(made.now))
    assert made.medians == (MARGIN + (WIDTH - 2 * MARGIN) / 4, WIDTH / 2)
    assert (made.low, made.high) == ("1.00 s", "5.00 s")
    assert "3 boots, median 3.00 s" in made.told


@pytest.mark.parametrize("now", [[2.0], [2.0, 2.0, 2.0]])
def test_boots_that_took_the_same_are_in_the_middle(now):
    made = dots([], now)
    assert made is not None
    assert {x for x, _ in strokes(made.now)} == {WIDTH / 2}
    assert made.medians == (None, WIDTH / 2)
    assert (made.low, made.high) == ("2.00 s", "")


def test_without_boots_there_is_no_picture():
    assert dots([1.0], []) is None
    assert trend([]) is None
    assert trend([NightPoint("a", [1.0]), NightPoint("b", [])]) is None


def test_a_trend_has_a_point_for_each_night_with_values():
    made = trend(
        [NightPoint("a", [1.0, 2.0, 3.0]), NightPoint("b", []), NightPoint("c", [4.0], 2, True)], [1]
    )
    assert made is not None
    first, last = made.points
    assert (first.x, last.x) == (MARGIN, WIDTH - MARGIN)
    assert first.low > first.y > first.high  # the page's y grows downwards
    assert 0 < last.y < first.y < HEIGHT
    assert (first.failed, last.failed, last.other_image) == (False, True, True)
    assert "2 failed" in last.told
    assert first.x < made.steps[0] < last.x


def test_noise_is_not_blown_up():
    made = trend([NightPoint("a", [10.0]), NightPoint("b", [10.01])])
    assert made is not None
    assert abs(made.points[0].y - made.points[1].y) < 1
