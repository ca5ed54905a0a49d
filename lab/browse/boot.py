"""One recorded boot as JSON: its stages, transfers and milestones in seconds since power-on."""

from typing import Any

from lab.browse.files import boot_files, report
from lab.browse.library import Library
from lab.measure.statistics import milestone_order, rate
from lab.measure.timeline import stages
from lab.model import BootRecord, TransferSpan
from lab.report import words
from lab.report.advice import advice
from lab.report.bars import Names, span_seconds
from lab.report.facts import conditions
from lab.store.run import Run


def recorded_boot(library: Library, run: Run, record: BootRecord) -> dict[str, Any]:
    """Return all that is known of a boot but its console."""
    info, line = run.info, record.timeline
    names = Names(milestone_order(run.boots), info.titles)
    last = line.milestones[-1] if line.milestones else None
    failure = record.failure
    page = report(library, run.folder)
    return {
        "run": info.run_id,
        "number": record.index + 1,
        "of": len(run.boots),
        "place": info.place,
        "board_type": info.board_type,
        "image": info.image,
        "suite": info.suite,
        "night": info.night,
        "emulated": info.emulated,
        "started_at": record.started_at,
        "ready": record.ready,
        "attempt": record.attempt,
        "seconds": _since(record, last.t_ns) if record.ready and last else None,
        "ended_seconds": round(span_seconds(record), 6),
        "reached": names.title(last.name) if last else "power-on",
        "conditions": conditions(record),
        "cause": failure.cause.value if failure else "",
        "title": words.cause(failure) if not record.ready else "",
        "sentence": failure.sentence if failure else "",
        "evidence": list(failure.evidence) if failure else [],
        "levers": [lever.sentence for lever in advice(run.folder, record)],
        "stages": _stages(record, names),
        "transfers": [_transfer(record, span) for span in line.transfers],
        "report": f"{page}#boot-{record.index + 1}" if page else "",
        "files": boot_files(library, run.folder, record.index, record.console, record.pcap),
        "warnings": [library.tell(sentence) for sentence in run.warnings],
    }


def _stages(record: BootRecord, names: Names) -> list[dict[str, Any]]:
    """Each ends with a milestone; what a failed boot waited for in vain is none."""
    sources = {stone.name: stone for stone in record.timeline.milestones}
    return [
        {
            "milestone": stage.end,
            "title": names.title(stage.end),
            "since": names.title(stage.start),
            "colour": names.colour(stage.end),
            "from_seconds": _since(record, stage.start_ns),
            "to_seconds": _since(record, stage.end_ns),
            "source": sources[stage.end].source.value,
            "detail": sources[stage.end].detail,
        }
        for stage in stages(record.timeline)
    ]


def _transfer(record: BootRecord, span: TransferSpan) -> dict[str, Any]:
    names = ("protocol", "name", "size", "sent", "repeated", "outcome", "options")
    return {
        **{name: getattr(span, name) for name in names},
        "from_seconds": _since(record, span.start_ns),
        "to_seconds": _since(record, span.end_ns),
        "bytes_per_second": rate(span),
    }


def _since(record: BootRecord, t_ns: int) -> float:
    return round((t_ns - record.timeline.t0_ns) / 1e9, 6)
