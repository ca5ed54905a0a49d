"""The state on disk: SQLite, WAL, synchronous=FULL: a commit that returned outlives a power cut.

One process writes: it holds a lock beside the file. Others may read at any time (`read_only`).
"""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, create_engine, event, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from lab.errors import InfrastructureError, UsageError
from lab.updates import tables
from lab.updates.changes import Changes

VERSION = 1
FILE_NAME = "updates.sqlite"
_BUSY_SECONDS = 5


class StoreError(InfrastructureError):
    """The state cannot be read or written."""


class Store:
    """The state of one server. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        """Open or make it. Raises StoreError; UsageError where another server has it."""
        self.path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / "updates.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StoreError(f"{folder}: the state cannot be kept there: {exc.strerror}") from exc
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise UsageError(f"{folder}: another update server is running on this state") from None
        self.engine = _engine(f"sqlite:///{self.path}")
        try:
            with store_errors(self.path), self.engine.begin() as db:
                _check(db, self.path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it."""
        self.engine.dispose()
        os.close(self._lock)

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """All rows of a table. Raises StoreError."""
        with store_errors(self.path), self.engine.connect() as db:
            return [tuple(row) for row in db.execute(select(table))]

    def grants(self, since: float) -> list[tuple[str, float]]:
        """Groups and times of Omaha's grants after `since`, in their order. Raises StoreError."""
        wanted = (
            select(tables.events.c.group, tables.events.c.at)
            .where(tables.events.c.kind == "granted", tables.events.c.at > since)
            .order_by(tables.events.c.seq)
        )
        with store_errors(self.path), self.engine.connect() as db:
            return [(label, at) for label, at in db.execute(wanted)]

    def save(self, batch: Sequence[Changes]) -> None:
        """Put it on disk, all or nothing; it is there when this returns. Raises StoreError."""
        rows = {key: row for changes in batch for key, row in changes.rows.items()}
        events = [
            (event.at, event.group, event.node, event.kind, json.dumps(dict(event.detail)))
            for changes in batch
            for event in changes.events
        ]
        puts: dict[str, list[Any]] = {}
        drops: dict[str, list[Any]] = {}
        for (name, key), row in rows.items():
            if row is None:
                drops.setdefault(name, []).append(key)
            else:
                puts.setdefault(name, []).append(row)
        with store_errors(self.path), self.engine.begin() as db:
            # Straight to the driver: building statements costs several times what SQLite does
            for name, keys in drops.items():
                db.exec_driver_sql(_delete(name), keys)
            for name, values in puts.items():
                db.exec_driver_sql(_replace(name), values)
            if events:
                db.exec_driver_sql(_EVENT, events)

    def trim(self, keep: int) -> int:
        """Drop the oldest events beyond `keep`; returns how many. Raises StoreError."""
        statement = "DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?"
        with store_errors(self.path), self.engine.begin() as db:
            return db.exec_driver_sql(statement, (keep,)).rowcount

    def describe(self, served: dict[str, dict[str, Any]]) -> None:
        """Note what is served: groups by label, with their limits. Raises StoreError."""
        with store_errors(self.path), self.engine.begin() as db:
            db.execute(tables.served.delete())
            if served:
                lines = [{"label": label, "detail": json.dumps(said)} for label, said in served.items()]
                db.execute(insert(tables.served), lines)


def read_only(folder: Path) -> Engine:
    """Open the state of a server, running or not, to read. Raises StoreError where there is none."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise StoreError(f"{path}: there is no such state; has `bootlab updates serve` run with this file?")
    return create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", connect_args={"timeout": _BUSY_SECONDS})


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Say what is wrong with the file, and what to do."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as exc:
        said = " ".join(str(getattr(exc, "orig", None) or exc).split())
        if "full" in said or "disk I/O" in said:
            advice = "free some space on that disk"
        elif "not a database" in said or "malformed" in said:
            advice = "move it away and start again; nodes are met anew, locks and limits begin from nothing"
        else:
            advice = "check that it may be read and written, with its folder"
        raise StoreError(f"{path}: {said}; {advice}") from exc


def _engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _check(db: Any, path: Path) -> None:
    verdict = db.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if verdict != "ok":
        raise StoreError(f"{path} is damaged ({verdict}): move it away and start again")
    tables.metadata.create_all(db)
    version = db.execute(select(tables.schema.c.version)).scalar_one_or_none()
    if version is None:
        db.execute(insert(tables.schema).values(version=VERSION))
    elif version != VERSION:
        raise StoreError(
            f"{path} has schema {version}, this bootlab knows {VERSION}: use the one that wrote it"
        )


_EVENT = 'INSERT INTO events (at, "group", node, kind, detail) VALUES (?, ?, ?, ?, ?)'


@lru_cache
def _replace(name: str) -> str:
    columns = [column.name for column in tables.metadata.tables[name].columns]
    names = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT OR REPLACE INTO {name} ({names}) VALUES ({', '.join('?' * len(columns))})"


@lru_cache
def _delete(name: str) -> str:
    keys = [column.name for column in tables.metadata.tables[name].primary_key]
    return f"DELETE FROM {name} WHERE " + " AND ".join(f'"{key}" = ?' for key in keys)
