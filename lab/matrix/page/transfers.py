"""The transfers of a night that took longest."""

import statistics
from dataclasses import dataclass

from lab.matrix.night import CellNight, Night
from lab.measure.statistics import numbered, rate
from lab.model import TransferSpan
from lab.report import words

_SHOWN = 12
_SHARE = 0.05  # of the slowest: what is quicker is nobody's trouble


@dataclass(frozen=True, slots=True)
class SlowTransfer:
    """One file in one cell, over all its boots; medians. `share` is of the slowest one, in percent."""

    cell: str
    number: int
    protocol: str
    name: str
    boots: int
    size: str
    seconds: str
    longest: str
    rate: str
    repeated: int
    unfinished: int
    share: float


def slowest(night: Night) -> list[SlowTransfer]:
    """Return the files that took longest, the slowest first."""
    found: list[tuple[float, int, CellNight, list[TransferSpan]]] = []
    for number, cell in enumerate(night.cells.values(), 1):
        table: dict[str, list[TransferSpan]] = {}
        for record in cell.boots:
            for name, span in numbered(record.timeline.transfers):
                table.setdefault(name, []).append(span)
        found += [(statistics.median(map(_seconds, spans)), number, cell, spans) for spans in table.values()]
    found.sort(key=lambda each: -each[0])
    most = found[0][0] if found else 0.0
    return [_row(*each, most) for each in found[:_SHOWN] if each[0] >= _SHARE * most]


def _row(median: float, number: int, cell: CellNight, spans: list[TransferSpan], most: float) -> SlowTransfer:
    rates = [value for span in spans if (value := rate(span)) is not None]
    return SlowTransfer(
        cell=str(cell.cell),
        number=number,
        protocol=spans[0].protocol.upper(),
        name=spans[0].name,
        boots=len(spans),
        size=words.size(statistics.median(span.size or span.sent for span in spans)),
        seconds=words.seconds(median),
        longest=words.seconds(max(map(_seconds, spans))),
        rate=words.rate(statistics.median(rates) if rates else None),
        repeated=sum(span.repeated for span in spans),
        unfinished=sum(span.outcome != "complete" for span in spans),
        share=round(100 * median / most, 1) if most else 0.0,
    )


def _seconds(span: TransferSpan) -> float:
    return (span.end_ns - span.start_ns) / 1e9
