"""A comparison in words and as a table: what `bootlab compare`, `boot` and `report` print."""

import dataclasses
from typing import Any

import click
from rich.console import Console

from lab.cli.api import print_table
from lab.comparison.compare import Comparison, Row
from lab.comparison.words import row_name, sentence
from lab.errors import UsageError
from lab.statistics import Rule, Verdict

_STYLE = {Verdict.SLOWER: "bold red", Verdict.FASTER: "bold green", Verdict.NOT_ENOUGH_SAMPLES: "yellow"}


_COLUMNS = ("stage, s", "boots", "baseline", "candidate", "shift", "95 % interval", "p", "verdict")


def rule_of(alpha: float, margin: float) -> Rule:
    """The rule that the options mean. Raises UsageError where they contradict each other."""
    try:
        return Rule(alpha=alpha, margin=margin)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


def print_comparison(found: Comparison, out: Console) -> None:
    """Print the table, the failures, the notes and the verdict."""
    if found.rows:
        print_table(_COLUMNS, (_cells(found, row) for row in found.rows), "")
    for side, rate in zip((found.baseline, found.candidate), found.flakes, strict=True):
        out.print(f"{side.name}: {rate}", markup=False)
    for note in found.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    out.print(sentence(found), markup=False, soft_wrap=True, style=_STYLE.get(found.verdict, "bold"))


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The comparison as a JSON-ready object; times in seconds, rates as shares of 1."""
    return {
        "schema": found.baseline.schema,
        "baseline": {"name": found.baseline.name, "runs": found.baseline.runs},
        "candidate": {"name": found.candidate.name, "runs": found.candidate.runs},
        "kind": dataclasses.asdict(found.candidate.kind),
        "rule": dataclasses.asdict(found.rule),
        "verdict": found.verdict,
        "sentence": sentence(found),
        "rows": [
            {
                "start": row.start,
                "end": row.end,
                "whole": row.whole,
                "relative": row.difference.relative,
                **dataclasses.asdict(row.difference),
            }
            for row in found.rows
        ],
        "failures": {
            "baseline": dataclasses.asdict(found.flakes[0]),
            "candidate": dataclasses.asdict(found.flakes[1]),
            "verdict": found.failing,
            "p": found.failing_p,
        },
        "notes": list(found.notes),
    }


def _cells(found: Comparison, row: Row) -> list[str]:
    d = row.difference
    percent = "" if d.relative is None else f" {d.relative:+.1%}"
    return [
        row_name(found, row),
        f"{d.n[0]}, {d.n[1]}",
        *("-" if median is None else f"{median:.3f}" for median in d.medians),
        "-" if d.shift is None else f"{d.shift:+.3f}{percent}",
        "-" if d.low is None or d.high is None else f"{d.low:+.3f} to {d.high:+.3f}",
        "-" if d.p is None else f"{d.p:.2g}",
        str(d.verdict) + (f" (wants {d.needed})" if d.needed else ""),
    ]


def alpha_option(command: Any) -> Any:
    """Options that set the rule."""
    command = click.option(
        "--margin",
        default=Rule().margin,
        show_default=True,
        type=click.FloatRange(0, 10, min_open=True),
        help="What `same` excludes: a change of this share of the boot.",
    )(command)
    return click.option(
        "--alpha",
        default=Rule().alpha,
        show_default=True,
        type=click.FloatRange(0, 0.5, min_open=True),
        help="The chance that anything is called slower or faster where nothing changed.",
    )(command)
