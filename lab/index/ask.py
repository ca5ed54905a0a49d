"""Questions to the index, as SQL that SQLite and PostgreSQL both answer."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from lab.index.rows import BootRow, CellRow, FailureRow, NightRow, NightValues, RunRow
from lab.index.tables import boots, runs, series

_RUN_COLUMNS = [runs.c[field.name] for field in dataclasses.fields(RunRow)]
_BOOT_COLUMNS = [boots.c[field.name] for field in dataclasses.fields(BootRow)]


def runs_of(db: Connection, wanted: Mapping[str, str], limit: int | None) -> list[RunRow]:
    """Runs whose columns have these values, oldest first; with `limit` the newest of them."""
    asked = select(*_RUN_COLUMNS).where(*(runs.c[name] == value for name, value in wanted.items()))
    newest_first = asked.order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit)
    return [RunRow(**row) for row in reversed(db.execute(newest_first).mappings().all())]


def page_of_runs(db: Connection, wanted: Mapping[str, str], before: str, limit: int) -> list[RunRow]:
    """Runs whose columns have these values, the newest first by their names; of those before that name."""
    asked = select(*_RUN_COLUMNS).where(*(runs.c[name] == value for name, value in wanted.items()))
    if before:
        asked = asked.where(runs.c.run_id < before)
    return [RunRow(**row) for row in db.execute(asked.order_by(runs.c.run_id.desc()).limit(limit)).mappings()]


def boots_of(
    db: Connection, wanted: Mapping[str, str], after: int, limit: int | None, ready: bool | None
) -> list[BootRow]:
    """Boots of the runs whose columns have these values, with numbers above `after`, in their order."""
    asked = (
        select(*_BOOT_COLUMNS)
        .join(runs, boots.c.run_id == runs.c.run_id)
        .where(boots.c.number > after, *(runs.c[name] == value for name, value in wanted.items()))
        .order_by(boots.c.run_id, boots.c.number)
        .limit(limit)
    )
    if ready is not None:
        asked = asked.where(boots.c.ready == ready)
    return [
        BootRow(**{**row, "evidence": tuple(json.loads(row["evidence"] or "[]"))})
        for row in db.execute(asked).mappings()
    ]


def cells(db: Connection, wanted: Mapping[str, str]) -> list[CellRow]:
    """The squares that nights ran, in the order of their names."""
    named = (runs.c.place, runs.c.image, runs.c.suite, runs.c.board_type, runs.c.emulated)
    asked = (
        select(*named, func.count(runs.c.night.distinct()).label("nights"))
        .where(runs.c.night != "", *(runs.c[name] == value for name, value in wanted.items()))
        .group_by(*named)
        .order_by(*named)
    )
    return [CellRow(**row) for row in db.execute(asked).mappings()]


def nights(db: Connection) -> list[NightRow]:
    """All nights, oldest first."""
    began = func.min(runs.c.started_at)
    counts = (func.count().label("runs"), func.sum(runs.c.recorded), func.sum(runs.c.ready))
    asked = (
        select(runs.c.night, began, *counts).where(runs.c.night != "").group_by(runs.c.night).order_by(began)
    )
    return [
        NightRow(night=night, started_at=at, runs=n, recorded=int(recorded), ready=int(ready))
        for night, at, n, recorded, ready in db.execute(asked)
    ]


def stages(db: Connection, board_type: str, image: str, suite: str) -> list[str]:
    """Names of quantities, sorted."""
    kind = (runs.c.board_type == board_type, runs.c.image == image, runs.c.suite == suite)
    asked = select(series.c.name).join(runs, runs.c.run_id == series.c.run_id).where(*kind).distinct()
    return sorted(db.execute(asked).scalars())


def history(
    db: Connection, kind: tuple[str, str, str], stage: str, before: str, place: str = ""
) -> list[NightValues]:
    """Values of one quantity by night; `kind` is board type, image and suite; with `place`, of that alone."""
    board_type, image, suite = kind
    asked = (
        select(*_RUN_COLUMNS, series.c.unit, series.c["values"])
        .join(series, (series.c.run_id == runs.c.run_id) & (series.c.name == stage), isouter=True)
        .where(runs.c.board_type == board_type, runs.c.image == image, runs.c.suite == suite)
        .order_by(runs.c.started_at, runs.c.run_id)
    )
    if before:
        began = db.execute(select(func.min(runs.c.started_at)).where(runs.c.night == before)).scalar()
        asked = asked.where(runs.c.started_at < (began or before))
    if place:
        asked = asked.where(runs.c.place == place)
    groups: dict[tuple[str, bool], list[RowMapping]] = {}
    for row in db.execute(asked).mappings():
        groups.setdefault((row["night"] or row["run_id"], row["emulated"]), []).append(row)
    return [_night_values(rows) for rows in groups.values()]


def failures(db: Connection, wanted: Mapping[str, str], limit: int) -> list[FailureRow]:
    """Boots that failed, the newest first."""
    of_run = ("run_id", "folder", "night", "place", "board_type", "image", "suite")
    of_boot = ("number", "started_at", "attempt", "cause", "sentence", "evidence", "console", "pcap")
    asked = (
        select(*(runs.c[name] for name in of_run), *(boots.c[name] for name in of_boot))
        .join(boots, boots.c.run_id == runs.c.run_id)
        .where(boots.c.cause.is_not(None), *(runs.c[name] == value for name, value in wanted.items()))
        .order_by(runs.c.started_at.desc(), runs.c.run_id.desc(), boots.c.number.desc())
        .limit(limit)
    )
    return [
        FailureRow(**{**row, "evidence": tuple(json.loads(row["evidence"]))})
        for row in db.execute(asked).mappings()
    ]


def _night_values(rows: list[RowMapping]) -> NightValues:
    """One entry; where no boot of a run got ready, its times are of what was reached, and do not count."""
    values: list[Any] = []
    for row in rows:
        if row["ready"] and row["values"] is not None:
            values += json.loads(row["values"])
    return NightValues(
        night=rows[0]["night"],
        started_at=rows[0]["started_at"],
        emulated=rows[0]["emulated"],
        run_ids=tuple(row["run_id"] for row in rows),
        unit=next((row["unit"] for row in rows if row["unit"] is not None), ""),
        values=tuple(values),
        recorded=sum(row["recorded"] for row in rows),
        ready=sum(row["ready"] for row in rows),
        image_digests=tuple(dict.fromkeys(row["image_digest"] for row in rows)),
        console_args=tuple(dict.fromkeys(row["console_args"] for row in rows)),
    )
