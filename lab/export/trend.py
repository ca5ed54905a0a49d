"""One quantity over the nights, as a picture: medians as a line, the spread of each night at its point."""

import statistics
from collections.abc import Sequence

from lab.errors import UsageError
from lab.export.svg import WIDTH, label, line, picture, shorten
from lab.export.svg import text as safe
from lab.index import NightValues
from lab.report import words

_LEFT, _RIGHT, _TOP, _HEIGHT = 64.0, 20.0, 74.0, 220.0
MOST_NIGHTS = 120


def trend(title: str, stage: str, history: Sequence[NightValues]) -> str:
    """Return the SVG of the newest nights; from zero up, so that a step looks as large as it is.

    Raises UsageError where no night has a value, or emulated and real boards are mixed.
    """
    nights = [night for night in history if night.values][-MOST_NIGHTS:]
    if not nights:
        raise UsageError(
            f"{title}: no night has values of {stage}; `bootlab results export --help` lists formats"
        )
    if len({night.emulated for night in nights}) > 1:
        raise UsageError(f"{title}: emulated and real boards do not belong in one picture")
    unit, medians = nights[0].unit, [statistics.median(night.values) for night in nights]
    scale = words.ticks(max(max(night.values) for night in nights) * 1.05)
    top = scale[-1] + (scale[1] - scale[0] if len(scale) > 1 else 1.0)
    points = [_x(i, len(nights)) for i in range(len(nights))]
    parts = [label(16, 28, shorten(f"{title}: {stage}", 80), "head"), *_scale(scale, top)]
    parts.append(label(16, 48, f"median of each night in {unit}; strokes: smallest to largest", "soft"))
    course = " ".join(f"{x:g},{_y(value, top):g}" for x, value in zip(points, medians, strict=True))
    parts.append(f'<polyline class="course" points="{course}"/>')
    for x, night, median in zip(points, nights, medians, strict=True):
        parts += _point(x, night, median, top)
    for i in sorted({0, len(nights) - 1}):
        side = "middle" if len(nights) == 1 else "end" if i else "start"
        parts.append(label(points[i], _TOP + _HEIGHT + 20, _name(nights[i]), "soft", side))
    told = f"{len(nights)} nights, from {medians[0]:.2f} {unit} to {medians[-1]:.2f} {unit}"
    return picture(f"{title}: {stage} over the nights", told, _TOP + _HEIGHT + 36, parts)


def _point(x: float, night: NightValues, median: float, top: float) -> list[str]:
    low, high = min(night.values), max(night.values)
    told = f"{_name(night)}: {median:.2f} {night.unit}, {low:.2f} to {high:.2f}"
    told += f", {words.count(len(night.values), 'boot')}"
    dot = f'<circle class="c8" cx="{x:g}" cy="{_y(median, top):g}" r="4"><title>{safe(told)}</title></circle>'
    return [line(x, _y(low, top), x, _y(high, top), "spread"), dot]


def _scale(scale: Sequence[float], top: float) -> list[str]:
    parts = []
    for value in scale:
        y = _y(value, top)
        parts += [
            line(_LEFT, y, WIDTH - _RIGHT, y, "axis"),
            label(_LEFT - 8, y + 4, f"{value:g}", "number soft", "end"),
        ]
    return parts


def _name(night: NightValues) -> str:
    return shorten(night.night or night.started_at[:10], 24)


def _x(number: int, of: int) -> float:
    room = WIDTH - _LEFT - _RIGHT - 16
    return round(_LEFT + 8 + (room / 2 if of == 1 else room * number / (of - 1)), 2)


def _y(value: float, top: float) -> float:
    return round(_TOP + _HEIGHT * (1 - value / top), 2) if top else _TOP + _HEIGHT
