"""A run with its statistics as JSON: what `bootlab report --json` and `bootlab results export` print."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from lab.measure.statistics import milestone_summaries, stage_summaries
from lab.model import SCHEMA
from lab.store import Run, to_json


def figures(run: Run) -> dict[str, Any]:
    """Return a run with its statistics as a JSON-ready object; seconds throughout."""
    return {
        "schema": run.info.schema,
        "run": to_json(run.info),
        "boots": [to_json(boot) for boot in run.boots],
        "milestones": {name: dataclasses.asdict(s) for name, s in milestone_summaries(run.boots).items()},
        "stages": [dataclasses.asdict(stage) for stage in stage_summaries(run.boots)],
        "warnings": list(run.warnings),
    }


def json_text(runs: Sequence[Run]) -> str:
    """Return `{"schema": 1, "runs": [...]}`, each run as `figures` has it."""
    return json.dumps({"schema": SCHEMA, "runs": [figures(run) for run in runs]}, indent=2) + "\n"
