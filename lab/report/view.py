"""A run as the page shows it: every number already text, every bar already placed. No HTML here."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.measure.statistics import (
    MIN_FOR_P95,
    StageSummary,
    Summary,
    median_boot,
    milestone_order,
    milestone_summaries,
    numbered,
    rate,
    sample,
    stage_summaries,
    summarise,
)
from lab.model import BootRecord, Failure, TransferSpan
from lab.report import words
from lab.report.advice import advice
from lab.report.bars import (
    Axis,
    Bar,
    Names,
    StageBar,
    TransferBar,
    options_text,
    span_seconds,
    stage_bars,
    transfer_bars,
    waiting_bar,
)
from lab.report.console import ConsoleView, console_view
from lab.report.facts import conditions, facts
from lab.store.run import Run


@dataclass(frozen=True, slots=True)
class BootView:
    """One boot under the waterfall; `number` counts from 1."""

    number: int
    ready: bool
    total: str
    stages: list[StageBar]
    transfers: list[TransferBar]
    waiting: Bar | None
    waited: str  # seconds from the last milestone to the end of looking
    ended: str  # seconds from power-on to then
    failure: Failure | None
    cause: str
    reached: str  # title of the last milestone
    console: ConsoleView
    pcap: str
    conditions: str
    median: bool = False


@dataclass(frozen=True, slots=True)
class StageRow:
    """A row of the table of stages."""

    title: str
    since: str
    colour: int
    n: str
    complete: bool
    median: str
    mad: str
    p95: str
    min: str
    max: str
    share: str
    share_percent: float
    reached: str


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A row of the table of transfers: one file over all boots of the sample."""

    protocol: str
    name: str
    n: str
    size: str
    seconds: str
    rate: str
    range: str
    repeated: str
    options: str
    outcomes: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the sentence that says where the seconds went."""

    share: str
    seconds: str
    since: str
    title: str
    colour: int


@dataclass(frozen=True, slots=True)
class Legend:
    """What a colour stands for."""

    title: str
    colour: int


@dataclass(frozen=True, slots=True)
class RunView:
    """All that the page shows."""

    run: Run
    started: str
    total: Summary
    last: str  # title of the milestone that means ready
    whiskers: str
    boots: list[BootView]
    waterfall: BootView | None
    axis: Axis
    boots_axis: Axis
    stages: list[StageRow]
    transfers: list[TransferRow]
    parts: list[Part]
    wire: str
    facts: list[tuple[str, str]]
    legend: list[Legend]
    levers: list[str]  # what a change of setting would gain, one sentence each
    min_for_p95: int = MIN_FOR_P95

    @property
    def failed(self) -> list[BootView]:
        """The boots that did not become ready."""
        return [b for b in self.boots if not b.ready]

    @property
    def passed(self) -> bool:
        """Whether every boot that was asked for became ready."""
        return bool(self.boots) and not self.failed and len(self.boots) >= self.run.info.boots_planned


def run_view(run: Run) -> RunView:
    """Return what the page shows of a run."""
    boots = run.boots
    names = Names(milestone_order(boots), run.info.titles)
    summaries = stage_summaries(boots)
    chosen = median_boot(boots)
    axis = Axis(_axis_end(chosen, summaries))
    every = Axis(max((span_seconds(r) for r in boots), default=0.0))
    views = [_boot_view(run, r, every, names, chosen is r) for r in boots]
    total = _total(boots)
    return RunView(
        run=run,
        started=words.moment(run.info.started_at),
        total=total,
        last=names.title(chosen.timeline.milestones[-1].name) if chosen else "",
        whiskers="5th to 95th percentile of each stage"
        if total.p5 is not None
        else "shortest to longest of each stage",
        boots=views,
        waterfall=_boot_view(run, chosen, axis, names, True, summaries) if chosen else None,
        axis=axis,
        boots_axis=every,
        stages=[_stage_row(s, names, len(sample(boots))) for s in summaries],
        transfers=_transfer_rows(boots),
        parts=_parts(summaries, names),
        wire=_wire_sentence(boots),
        facts=facts(run, next((v.console for v in views if v.ready), None)),
        legend=[Legend(names.title(n), names.colour(n)) for n in milestone_order(boots)],
        levers=[lever.sentence for lever in advice(run.folder, chosen)] if chosen else [],
    )


def _axis_end(chosen: BootRecord | None, summaries: tuple[StageSummary, ...]) -> float:
    """The waterfall's axis ends where its last bar or the longest whisker does."""
    if chosen is None:
        return 0.0
    ends = [span_seconds(chosen)]
    for s in summaries:
        started = chosen.timeline.since_power_on(s.start) or 0.0
        ends.append(started + (s.seconds.spread[1] if s.seconds.spread else 0.0))
    return max(ends)


def _boot_view(
    run: Run,
    record: BootRecord,
    axis: Axis,
    names: Names,
    median: bool,
    summaries: tuple[StageSummary, ...] = (),
) -> BootView:
    milestones = record.timeline.milestones
    last = milestones[-1] if milestones else None
    reached = (last.t_ns - record.timeline.t0_ns) / 1e9 if last else 0.0
    ended = span_seconds(record)
    return BootView(
        number=record.index + 1,
        ready=record.ready,
        total=words.seconds(reached if last else None),
        stages=stage_bars(record, axis, names, summaries),
        transfers=transfer_bars(record, axis),
        waiting=waiting_bar(record, axis),
        waited=words.seconds(ended - reached),
        ended=words.seconds(ended),
        failure=record.failure,
        cause=words.cause(record.failure),
        reached=names.title(last.name) if last else "power-on",
        console=console_view(run.folder, record, names),
        pcap=record.pcap,
        conditions=conditions(record),
        median=median,
    )


def _total(boots: Iterable[BootRecord]) -> Summary:
    """Power-on to the last milestone of the boots that became ready."""
    ready = [r for r in boots if r.ready]
    reached = milestone_summaries(ready)
    return list(reached.values())[-1] if reached else summarise([])


def _stage_row(s: StageSummary, names: Names, boots: int) -> StageRow:
    t = s.seconds
    return StageRow(
        title=names.title(s.end),
        since=names.title(s.start),
        colour=names.colour(s.end),
        n=f"{t.n} of {boots}" if t.missing else str(t.n),
        complete=not t.missing,
        median=words.seconds(t.median),
        mad=words.seconds(t.mad),
        p95=words.seconds(t.p95),
        min=words.seconds(t.min),
        max=words.seconds(t.max),
        share=words.percent(s.share),
        share_percent=round(100 * min(max(s.share or 0.0, 0.0), 1.0), 2),
        reached=words.seconds(s.since_power_on.median),
    )


def _transfer_rows(boots: tuple[BootRecord, ...]) -> list[TransferRow]:
    every = sample(boots)
    table: dict[str, list[TransferSpan]] = {}
    for record in every:
        for name, span in numbered(record.timeline.transfers):
            table.setdefault(name, []).append(span)
    return [_transfer_row(name, spans, len(every)) for name, spans in table.items()]


def _transfer_row(name: str, spans: list[TransferSpan], boots: int) -> TransferRow:
    rates = summarise([r for s in spans if (r := rate(s)) is not None])
    times = summarise([(s.end_ns - s.start_ns) / 1e9 for s in spans])
    repeated = [s.repeated for s in spans]
    options = sorted({options_text(s.options) for s in spans})
    outcomes = {o: sum(s.outcome == o for s in spans) for o in sorted({s.outcome for s in spans})}
    return TransferRow(
        protocol=spans[0].protocol,
        name=name.partition("/")[2],
        n=str(len(spans)) if len(spans) == boots else f"{len(spans)} of {boots}",
        size=words.size(summarise([float(s.size) for s in spans]).median),
        seconds=words.seconds(times.median),
        rate=words.rate(rates.median),
        range=words.rates(rates.min, rates.max) if rates.n > 1 else words.NOTHING,
        repeated=str(repeated[0]) if len(set(repeated)) == 1 else f"{min(repeated)} to {max(repeated)}",
        options=" · ".join(o for o in options if o) or words.NOTHING,
        outcomes=", ".join(o if n == len(spans) else f"{n} {o}" for o, n in outcomes.items()),
    )


def _parts(summaries: tuple[StageSummary, ...], names: Names) -> list[Part]:
    """The stages that took most, at most three, none below a twentieth of the boot."""
    most = sorted((s for s in summaries if (s.share or 0) >= 0.05), key=lambda s: -(s.share or 0))[:3]
    return [
        Part(
            words.percent(s.share),
            words.seconds(s.seconds.median),
            names.title(s.start),
            names.title(s.end),
            names.colour(s.end),
        )
        for s in most
    ]


def _wire_sentence(boots: tuple[BootRecord, ...]) -> str:
    """How much of a boot its transfers took, and what they moved: medians of the boots that became ready."""
    ready = [r for r in boots if r.ready and r.timeline.transfers and r.timeline.milestones]
    busy = summarise([_busy_seconds(r.timeline.transfers) for r in ready]).median
    if busy is None:
        return ""
    shares = summarise(
        [_busy_seconds(r.timeline.transfers) / span_seconds(r) for r in ready if span_seconds(r)]
    )
    moved = summarise([float(sum(s.sent for s in r.timeline.transfers)) for r in ready]).median
    protocols = " and ".join(sorted({s.protocol.upper() for r in ready for s in r.timeline.transfers}))
    share = f", {words.percent(shares.median)} of the boot" if shares.n else ""
    return f"{protocols} moved {words.size(moved)} in {words.seconds(busy)} s{share}."


def _busy_seconds(spans: tuple[TransferSpan, ...]) -> float:
    """Seconds in which at least one transfer was under way."""
    busy, until = 0, 0
    for start, end in sorted((s.start_ns, s.end_ns) for s in spans):
        busy += max(end - max(start, until), 0)
        until = max(until, end)
    return busy / 1e9
