"""The boots of several runs in one trace file; of one run it is the `trace.json` that lies beside it."""

import json
from collections.abc import Sequence
from dataclasses import replace

from lab.measure.trace import boot_events
from lab.store import Run


def trace(runs: Sequence[Run]) -> str:
    """Return Chrome's trace format: a process for each boot, one after the other."""
    events, processes = [], 0
    for run in runs:
        for boot in run.boots:
            shown = replace(boot, index=processes) if len(runs) > 1 else boot
            events += boot_events(shown, run.info.titles)
            processes += 1
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": events}, separators=(",", ":")) + "\n"
