"""Bars on a time axis: where each stage and transfer of a boot lies, in percent of the axis."""

from dataclasses import dataclass

from lab.measure.statistics import StageSummary, numbered, rate
from lab.measure.timeline import POWER_ON, Stage, stages
from lab.model import BootRecord, TransferSpan
from lab.report import words

COLOURS = 10  # in the style sheet; more stages than that begin again
MIN_WHISKER = 0.4  # percent of the axis


@dataclass(frozen=True, slots=True)
class Axis:
    """A time axis from power-on to `seconds`."""

    seconds: float

    def at(self, seconds: float) -> float:
        """Position in percent, kept on the axis."""
        return round(100 * min(max(seconds / self.seconds, 0.0), 1.0), 3) if self.seconds > 0 else 0.0

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels of round seconds; the last one is left out where it would stick out."""
        found = words.ticks(self.seconds)
        return [(self.at(t), f"{t:g}") for t in found if self.at(t) < 98.5]

    @property
    def step(self) -> float:
        """Distance of two ticks, in percent."""
        found = words.ticks(self.seconds)
        return self.at(found[1]) if len(found) > 1 else 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, with its left end and width in percent of the axis."""

    left: float
    width: float


@dataclass(frozen=True, slots=True)
class StageBar:
    """One stage of one boot; `whisker` is the spread of its length over the boots, from its start on."""

    anchor: str  # of the milestone that ends it, in the console
    title: str
    since: str  # title of the milestone that begins it
    colour: int
    seconds: str
    at: str
    bar: Bar
    whisker: Bar | None = None
    spread: str = ""


@dataclass(frozen=True, slots=True)
class TransferBar:
    """One transfer of one boot."""

    name: str
    protocol: str
    bar: Bar
    seconds: str
    size: str
    rate: str
    repeated: int
    options: str
    outcome: str
    good: bool
    at: str


class Names:
    """Titles and colours of the milestones of a run: the same ones wherever a milestone appears."""

    def __init__(self, order: tuple[str, ...], titles: dict[str, str]) -> None:
        self._titles = titles
        self._colours = {name: number % COLOURS for number, name in enumerate(order)}

    def title(self, name: str) -> str:
        """The milestone's name for people; a later DHCP round keeps its number."""
        if name == POWER_ON:
            return "power-on"
        plain, mark, number = name.partition("#")
        default = "first byte on the console" if plain == "console" else plain
        title = self._titles.get(plain) or default
        return f"{title} (round {number})" if mark else title

    def colour(self, name: str) -> int:
        """The number of the colour of the stage that this milestone ends."""
        return self._colours.get(name.partition("#")[0], 0)


def span_seconds(record: BootRecord) -> float:
    """Seconds from power-on to the last thing that is known of a boot."""
    line = record.timeline
    ends = [
        line.t0_ns,
        line.end_ns or 0,
        *(m.t_ns for m in line.milestones),
        *(t.end_ns for t in line.transfers),
    ]
    return (max(ends) - line.t0_ns) / 1e9


def stage_bars(
    record: BootRecord, axis: Axis, names: Names, summaries: tuple[StageSummary, ...] = ()
) -> list[StageBar]:
    """Return the stages of a boot; those that `summaries` knows get their spread over the run."""
    known = {(s.start, s.end): s for s in summaries}
    return [
        _stage_bar(stage, record, axis, names, known.get((stage.start, stage.end)))
        for stage in stages(record.timeline)
    ]


def anchor(record: BootRecord, milestone: str) -> str:
    """Return the name of the place in the page where the console of a boot reaches a milestone."""
    order = [m.name for m in record.timeline.milestones]
    return f"b{record.index + 1}-m{order.index(milestone) + 1}"


def _stage_bar(
    stage: Stage, record: BootRecord, axis: Axis, names: Names, summary: StageSummary | None
) -> StageBar:
    t0_ns = record.timeline.t0_ns
    start, end = (stage.start_ns - t0_ns) / 1e9, (stage.end_ns - t0_ns) / 1e9
    spread = summary.seconds.spread if summary else None
    whisker, text = None, ""
    if spread:
        left, right = axis.at(start + spread[0]), axis.at(start + spread[1])
        # A whisker narrower than its own ends would only hide the bar.
        whisker = Bar(left, round(right - left, 3)) if right - left >= MIN_WHISKER else None
        text = words.between(*spread)
    return StageBar(
        anchor=anchor(record, stage.end),
        title=names.title(stage.end),
        since=names.title(stage.start),
        colour=names.colour(stage.end),
        seconds=words.seconds(stage.seconds),
        at=words.seconds(end),
        bar=_bar(start, end, axis),
        whisker=whisker,
        spread=text,
    )


def transfer_bars(record: BootRecord, axis: Axis) -> list[TransferBar]:
    """Return the transfers of a boot in the order in which they began."""
    return [
        _transfer_bar(name, span, record.timeline.t0_ns, axis)
        for name, span in numbered(record.timeline.transfers)
    ]


def _transfer_bar(name: str, span: TransferSpan, t0_ns: int, axis: Axis) -> TransferBar:
    start, end = (span.start_ns - t0_ns) / 1e9, (span.end_ns - t0_ns) / 1e9
    good = span.outcome == "complete"
    whole = good or span.sent == span.size or not span.size
    return TransferBar(
        name=name.partition("/")[2],
        protocol=span.protocol,
        bar=_bar(start, end, axis),
        seconds=words.seconds(end - start),
        size=words.size(span.sent) if whole else f"{words.size(span.sent)} of {words.size(span.size)}",
        rate=words.rate(rate(span)),
        repeated=span.repeated,
        options=options_text(span.options),
        outcome=span.outcome,
        good=good,
        at=words.seconds(start),
    )


def options_text(options: dict[str, int]) -> str:
    """Return negotiated options as `blksize 1468, windowsize 16`; the size has a column of its own."""
    return ", ".join(f"{name} {value}" for name, value in options.items() if name != "tsize")


def waiting_bar(record: BootRecord, axis: Axis) -> Bar | None:
    """Return what a boot that failed waited for in vain: from its last milestone to the end of looking."""
    line = record.timeline
    if record.ready or line.end_ns is None:
        return None
    last = max((m.t_ns for m in line.milestones), default=line.t0_ns)
    return (
        _bar((last - line.t0_ns) / 1e9, (line.end_ns - line.t0_ns) / 1e9, axis)
        if line.end_ns > last
        else None
    )


def _bar(start: float, end: float, axis: Axis) -> Bar:
    left = axis.at(start)
    return Bar(left, round(axis.at(end) - left, 3))
