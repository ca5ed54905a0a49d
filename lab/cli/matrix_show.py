"""Nights and plans of nights, as tables and as JSON."""

import statistics
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from lab.cli.api import print_table
from lab.matrix.agenda import Ended
from lab.matrix.model import Matrix, SuiteKind
from lab.matrix.night import CellNight, Night
from lab.matrix.planner import Forecast
from lab.report.words import duration


def print_forecast(matrix: Matrix, expected: Forecast) -> None:
    """What would run where, and how long."""
    rows = (
        [
            task.cell.place,
            task.cell.image,
            task.cell.suite,
            _planned(expected, task.cell, task.settings.boots, task.suite.kind),
            f"{expected.estimates[task.cell]:.1f}{'' if task.cell in expected.measured else ' (a guess)'}",
        ]
        for task in matrix.tasks
    )
    print_table(("place", "image", "suite", "boots", "seconds each"), rows, "no cells")
    for sentence in matrix.left_out:
        click.echo(f"left out: {sentence}")
    for place, seconds in expected.places.items():
        click.echo(f"{place}: {duration(seconds)}")
    click.echo(f"the night: about {duration(expected.seconds)}, checks of the places not counted")
    if expected.cut:
        deadline = matrix.deadline or 0.0
        cells = ", ".join(f"{cell} ({count})" for cell, count in expected.cut.items())
        click.echo(f"does not fit into the deadline of {duration(deadline)}: {cells}")


def _planned(expected: Forecast, cell: Any, boots: int, kind: SuiteKind) -> str:
    if kind is not SuiteKind.BOOT:
        return "one run"
    return f"{expected.steps[cell]} of {boots}" if cell in expected.cut else str(boots)


def forecast_json(matrix: Matrix, expected: Forecast) -> dict[str, Any]:
    """The same as JSON; seconds throughout."""
    return {
        "matrix": matrix.name,
        "seconds": round(expected.seconds, 1),
        "deadline": matrix.deadline,
        "places": {place: round(seconds, 1) for place, seconds in expected.places.items()},
        "cells": [
            {
                **asdict(task.cell),
                "kind": task.suite.kind.value,
                "board_type": task.board_type,
                "boots": task.settings.boots,
                "steps": expected.steps[task.cell],
                "seconds_each": round(expected.estimates[task.cell], 3),
                "guess": task.cell not in expected.measured,
            }
            for task in matrix.tasks
        ],
        "left_out": list(matrix.left_out),
    }


def print_night(night: Night) -> None:
    """A night's cells and places."""
    print_table(
        ("place", "image", "suite", "standing", "ready", "failed", "retries", "median s", "note"),
        (list(_row(cell)) for cell in night.cells.values()),
        "no cells",
    )
    for place in night.places.values():
        if place.sick:
            click.echo(f"{place.name} is in quarantine: {_safe(place.sick)}")
        elif place.returned:
            click.echo(f"{place.name} is back: it passed its check")
    for warning in night.warnings:
        click.echo(f"warning: {_safe(warning)}")
    how = night.how or "is under way, or was cut off: `bootlab matrix run --resume` goes on"
    click.echo(f"night {night.id} of {night.matrix}: {how}")


def _row(cell: CellNight) -> Iterator[object]:
    failed, _ = cell.counts
    yield from (cell.cell.place, cell.cell.image, cell.cell.suite, cell.standing.value)
    if cell.tests is not None:
        yield from (cell.tests.passed, len(cell.tests.failed), "-")
    else:
        retries = sum(record.attempt > 1 for record in cell.boots)
        yield from (f"{sum(record.ready for record in cell.boots)}/{cell.planned}", failed, retries)
    times = cell.ready_seconds
    yield f"{statistics.median(times):.2f}" if times else "-"
    yield _note(cell)


def _note(cell: CellNight) -> str:
    if cell.tests is not None and cell.tests.failed:
        name, why = next(iter(cell.tests.failed.items()))
        return _safe(f"{name}: {why}")
    failure = next((record.failure for record in cell.boots if record.failure is not None), None)
    words = {Ended.DONE: "", None: ""}.get(cell.ended, str(cell.ended))
    return _safe("; ".join(filter(None, (words, str(failure.cause) if failure is not None else ""))))


def _safe(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
