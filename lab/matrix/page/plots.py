"""Small pictures: each boot of a cell as a dot, and its medians over the nights. Geometry only.

Dots are one path of many short strokes with round ends: a browser draws 10,000 of them as one element.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from lab.report import words

WIDTH, MARGIN = 360.0, 9.0
LANE = 20.0  # of dots
HEIGHT, TOP = 96.0, 10.0  # of a trend
_ROOM = 0.2  # of the median: a trend shows at least so much, or noise would look like news
_LEVELS = 5  # rows of dots in a lane, so that those of one place are not one


@dataclass(frozen=True, slots=True)
class Dots:
    """The boots of two nights on one axis. Paths are empty where a night has no boot; `x` of the medians."""

    now: str
    before: str
    medians: tuple[float | None, float | None]  # before, now
    low: str
    high: str
    told: str


@dataclass(frozen=True, slots=True)
class Point:
    """One night of a trend: `low` and `high` are the ends of its stroke; `told` is for people."""

    x: float
    y: float
    low: float
    high: float
    told: str
    failed: bool = False
    other_image: bool = False


@dataclass(frozen=True, slots=True)
class Trend:
    """A cell over the nights; `course` joins the medians, `steps` are x of changes of the level."""

    points: list[Point]
    course: str
    steps: list[float]
    low: str
    high: str
    told: str


@dataclass(frozen=True, slots=True)
class NightPoint:
    """A night of a trend, in numbers: seconds of the boots that got ready; `failed` counts the others."""

    name: str
    seconds: Sequence[float]
    failed: int = 0
    other_image: bool = False


def dots(before: Sequence[float], now: Sequence[float]) -> Dots | None:
    """Return the picture of two nights' seconds; None where tonight has none."""
    if not now:
        return None
    low, high = min(*before, *now, now[0]), max(*before, *now, now[0])
    scale = (WIDTH - 2 * MARGIN) / (high - low) if high > low else 0.0

    def place(value: float) -> float:
        return round(MARGIN + (value - low) * scale, 1) if scale else WIDTH / 2

    middle = statistics.median(now)
    was = statistics.median(before) if before else None
    told = f"{words.count(len(now), 'boot')}, median {middle:.2f} s, {low:.2f} to {high:.2f} s"
    told += f"; the night before {was:.2f} s" if was is not None else ""
    return Dots(
        now=_strokes(map(place, now)),
        before=_strokes(map(place, before)),
        medians=(None if was is None else place(was), place(middle)),
        low=f"{low:.2f} s",
        high=f"{high:.2f} s" if high > low else "",
        told=told,
    )


def _strokes(places: "Sequence[float] | map[float]") -> str:
    """Points as `M x y h0`, spread over the rows of a lane in the order of the boots."""
    step = (LANE - 10) / (_LEVELS - 1)
    return "".join(f"M{x:g} {5 + (number * 2 % _LEVELS) * step:g}h0" for number, x in enumerate(places))


def trend(nights: Sequence[NightPoint], changed_at: Sequence[int] = ()) -> Trend | None:
    """Return the picture of nights, oldest first; None for fewer than two with a value.

    `changed_at` are numbers of nights at which the level changed, counted among those with a value.
    """
    known = [night for night in nights if night.seconds]
    if len(known) < 2:
        return None
    medians = [statistics.median(night.seconds) for night in known]
    low, high = min(min(n.seconds) for n in known), max(max(n.seconds) for n in known)
    spare = max(_ROOM * statistics.median(medians) - (high - low), 0.0) / 2
    low, high = max(low - spare, 0.0), high + spare

    def height(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(TOP + (HEIGHT - 2 * TOP) * (1 - share), 1)

    across = (WIDTH - 2 * MARGIN) / (len(known) - 1)
    points = [
        Point(
            x=round(MARGIN + number * across, 1),
            y=height(median),
            low=height(min(night.seconds)),
            high=height(max(night.seconds)),
            told=_told(night, median),
            failed=bool(night.failed),
            other_image=night.other_image,
        )
        for number, (night, median) in enumerate(zip(known, medians, strict=True))
    ]
    return Trend(
        points=points,
        course=" ".join(f"{point.x:g},{point.y:g}" for point in points),
        steps=[round(points[number].x - across / 2, 1) for number in changed_at],
        low=f"{low:.2f} s",
        high=f"{high:.2f} s",
        told=f"{len(known)} nights, medians from {medians[0]:.2f} s to {medians[-1]:.2f} s",
    )


def _told(night: NightPoint, median: float) -> str:
    told = f"{night.name}: median {median:.2f} s of {words.count(len(night.seconds), 'boot')}"
    told += f", {min(night.seconds):.2f} to {max(night.seconds):.2f} s"
    told += f"; {night.failed} failed" if night.failed else ""
    return told + ("; other files than the night before" if night.other_image else "")
