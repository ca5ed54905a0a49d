"""All formats by name: what makes the text, and what a file of it is usually called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.export.figures import json_text
from lab.export.github import annotations, summary
from lab.export.junit import junit
from lab.export.openmetrics import openmetrics
from lab.export.table import csv_text
from lab.export.trace import trace
from lab.export.waterfall import waterfall
from lab.store import Run


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write runs down. `make` raises UsageError for runs that it cannot show."""

    make: Callable[[Sequence[Run]], str]
    told: str


FORMATS = {
    "junit": Format(junit, "a test case for each boot, for CI systems"),
    "json": Format(json_text, "records and figures as one object"),
    "csv": Format(csv_text, "one row for each figure of each boot"),
    "openmetrics": Format(
        openmetrics, "for Prometheus: its node exporter's textfile collector, a push gateway"
    ),
    "trace": Format(trace, "for ui.perfetto.dev or chrome://tracing"),
    "github-summary": Format(summary, "Markdown for $GITHUB_STEP_SUMMARY"),
    "github-annotations": Format(annotations, "workflow commands for a step's log"),
    "waterfall": Format(waterfall, "an SVG of where the time of the median boot went"),
}
