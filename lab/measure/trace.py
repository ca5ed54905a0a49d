"""Boots as a trace for ui.perfetto.dev or chrome://tracing (Chrome's Trace Event Format, JSON object form).

A boot is a process; its tracks (threads, in that format) are the stages, the milestones of the wire, and one
for each transfer: slices on one track must nest, and transfers may overlap. Times are microseconds since
power-on, so the boots of a run lie under each other. Phases used: M (names), X (slices), i (instants).
"""

import json
from collections.abc import Iterable
from typing import Any

from lab.measure.statistics import numbered, rate
from lab.measure.timeline import stages
from lab.model import BootRecord, Milestone, Source, TransferSpan

TraceEvent = dict[str, Any]
_STAGES, _WIRE, _FIRST_TRANSFER = 1, 2, 3


def trace_json(records: Iterable[BootRecord], titles: dict[str, str] | None = None) -> str:
    """Return the text of a trace file of these boots; `titles` are milestone names for people."""
    events = [event for record in records for event in boot_events(record, titles or {})]
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": events}, separators=(",", ":")) + "\n"


def boot_events(record: BootRecord, titles: dict[str, str]) -> list[TraceEvent]:
    """Return the trace events of one boot."""
    pid = record.index + 1  # 0 is the idle process to Perfetto
    t0_ns = record.timeline.t0_ns
    outcome = "ready" if record.ready else (record.failure.cause if record.failure else "not ready")
    events = _names(pid, record, f"boot {record.index + 1} of {record.place}: {outcome}")
    for stage in stages(record.timeline):
        name = f"to {titles.get(stage.end, stage.end)}"
        times = (stage.start_ns - t0_ns, stage.end_ns - t0_ns)
        events.append(_slice(pid, _STAGES, name, "stage", times, {"from": stage.start, "to": stage.end}))
    events += [_instant(pid, m, t0_ns, titles) for m in record.timeline.milestones]
    for number, (name, span) in enumerate(numbered(record.timeline.transfers)):
        times = (span.start_ns - t0_ns, span.end_ns - t0_ns)
        events.append(_slice(pid, _FIRST_TRANSFER + number, name, "transfer", times, _transfer_args(span)))
    return events


def _transfer_args(span: TransferSpan) -> dict[str, Any]:
    args: dict[str, Any] = dict(span.options)
    args |= {"bytes": span.sent, "size": span.size, "repeated": span.repeated}
    args["outcome"] = span.outcome
    if (value := rate(span)) is not None:
        args["bytes_per_second"] = round(value)
    return args


def _names(pid: int, record: BootRecord, title: str) -> list[TraceEvent]:
    tracks = ["stages (power and console)", "wire", *(n for n, _ in numbered(record.timeline.transfers))]
    events = [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": title}},
        {"ph": "M", "name": "process_sort_index", "pid": pid, "tid": 0, "args": {"sort_index": record.index}},
    ]
    for tid, track in enumerate(tracks, _STAGES):
        events.append({"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": track}})
        events.append(
            {"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": {"sort_index": tid}}
        )
    return events


def _slice(
    pid: int, tid: int, name: str, category: str, span_ns: tuple[int, int], args: dict[str, Any]
) -> TraceEvent:
    start, end = span_ns
    return {
        "ph": "X",
        "name": name,
        "cat": category,
        "pid": pid,
        "tid": tid,
        "ts": start / 1000,
        "dur": (end - start) / 1000,
        "args": args,
    }


def _instant(pid: int, milestone: Milestone, t0_ns: int, titles: dict[str, str]) -> TraceEvent:
    return {
        "ph": "i",
        "s": "t",  # drawn on its own track only
        "name": titles.get(milestone.name, milestone.name),
        "cat": "milestone",
        "pid": pid,
        "tid": _WIRE if milestone.source is Source.WIRE else _STAGES,
        "ts": (milestone.t_ns - t0_ns) / 1000,
        "args": {"milestone": milestone.name, "source": milestone.source, "detail": milestone.detail},
    }
