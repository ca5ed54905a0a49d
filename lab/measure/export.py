"""What is derived from the boots of a run and kept beside them: measurements and the trace."""

from pathlib import Path

from lab.measure.statistics import measurements
from lab.measure.trace import trace_json
from lab.store.codec import to_json
from lab.store.run import MEASUREMENTS_FILE, TRACE_FILE, Run, load_run
from lab.store.writer import json_lines, write_text


def export_run(folder: Path) -> Run:
    """Write `measurements.jsonl` and `trace.json` of the run in `folder`; return the run.

    Raises UsageError where it is no run, InfrastructureError where the disk does not take the files.
    """
    run = load_run(folder)
    write_text(folder / MEASUREMENTS_FILE, json_lines(to_json(m) for m in measurements(run.boots)))
    write_text(folder / TRACE_FILE, trace_json(run.boots, run.info.titles))
    return load_run(folder)
