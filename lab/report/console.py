"""The console of a boot as the page shows it: lines, with milestones and transfers where they happened."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.measure.banners import banners_in
from lab.measure.statistics import rate
from lab.model import BootRecord, Source, TransferSpan
from lab.report import words
from lab.report.bars import Names, anchor
from lab.report.recording import FIRST_LINES, Line, read_recording

_SLACK_NS = 1000  # a recording's times are whole microseconds


@dataclass(frozen=True, slots=True)
class Row:
    """A row: `kind` is line, milestone, transfer or gap. `anchor` names a milestone within the boot."""

    kind: str
    at: str
    text: str
    colour: int | None = None
    times: int = 1
    anchor: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ConsoleView:
    """The rows of one boot; `tail` are its last lines, `jumps` anchor and title of its milestones,
    `versions` what firmware and kernel say of themselves."""

    rows: list[Row] = field(default_factory=list)
    note: str = ""
    lines: int = 0
    tail: list[str] = field(default_factory=list)
    jumps: list[tuple[str, str, int]] = field(default_factory=list)
    versions: tuple[str, str] = ("", "")


def console_view(folder: Path, record: BootRecord, names: Names) -> ConsoleView:
    """Return the console of a boot; where it cannot be read, a note that says so."""
    t0_ns = record.timeline.t0_ns
    recording = read_recording(folder, record.console, t0_ns)
    marks = sorted([*_milestones(record, names), *_transfers(record)], key=lambda mark: mark[0])
    rows = list(_merge(recording.lines, marks, recording.left_out, t0_ns)) if recording.lines else []
    return ConsoleView(
        rows=rows,
        note=recording.note,
        lines=len(recording.lines) + recording.left_out,
        tail=[line.text for line in recording.lines[-8:]],
        jumps=[(r.anchor, r.text, r.colour or 0) for r in rows if r.kind == "milestone"],
        versions=banners_in("\n".join(line.text for line in recording.lines)),
    )


def _merge(lines: tuple[Line, ...], marks: list[tuple[int, Row]], left_out: int, t0_ns: int) -> Iterator[Row]:
    """Yield lines and marks in time order; a line has the colour of the stage that it falls into."""
    stage_ends = [(t_ns, row.colour) for t_ns, row in marks if row.kind == "milestone"]
    waiting = list(reversed(marks))
    for number, line in enumerate(lines):
        if left_out and number == FIRST_LINES:
            yield Row("gap", "", words.count(left_out, "line") + " left out here; the recording has them")
        while waiting and waiting[-1][0] <= line.t_ns + _SLACK_NS:
            yield waiting.pop()[1]
        colour = next((c for end, c in stage_ends if end > line.t_ns + _SLACK_NS), None)
        yield Row("line", words.seconds(max(line.t_ns - t0_ns, 0) / 1e9), line.text, colour, line.times)
    for _, row in reversed(waiting):
        yield row


def _milestones(record: BootRecord, names: Names) -> Iterator[tuple[int, Row]]:
    t0_ns = record.timeline.t0_ns
    for m in record.timeline.milestones:
        at = words.seconds((m.t_ns - t0_ns) / 1e9)
        detail = "seen on the wire" if m.source is Source.WIRE else ""
        place = anchor(record, m.name)
        yield m.t_ns, Row("milestone", at, names.title(m.name), names.colour(m.name), 1, place, detail)


def _transfers(record: BootRecord) -> Iterator[tuple[int, Row]]:
    for span in record.timeline.transfers:
        at = words.seconds((span.end_ns - record.timeline.t0_ns) / 1e9)
        yield span.end_ns, Row("transfer", at, f"{span.protocol.upper()} {span.name}", detail=_told(span))


def _told(span: TransferSpan) -> str:
    seconds = words.seconds((span.end_ns - span.start_ns) / 1e9)
    told = f"{words.size(span.sent)} in {seconds} s"
    if (value := rate(span)) is not None:
        told += f", {words.rate(value)}"
    if span.repeated:
        told += f", {words.count(span.repeated, 'block')} repeated"
    return told if span.outcome == "complete" else f"{span.outcome} after {told}"
