"""The database behind the index: which one, opened, and what goes wrong with it in one sentence."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from lab.errors import InfrastructureError, UsageError
from lab.index.tables import VERSION, about, metadata

FILE_NAME = "index.sqlite"
IN_MEMORY = "sqlite://"
VARIABLE = "BOOTLAB_INDEX"
_CONNECT_SECONDS = 10
_BUSY_SECONDS = 60  # another program is at it: a run of 10,000 boots is one transaction of seconds
_LOCK = 0x626F6F74  # "boot": the advisory lock that writers of one PostgreSQL take in turn
_AGAIN = "`bootlab results index --rebuild` makes it again from the records"


class IndexTrouble(InfrastructureError):
    """The index cannot be used; the records are not touched by that."""


def index_url(results_dir: Path, given: str | None = None) -> str:
    """Return the URL of the index: `given`, else $BOOTLAB_INDEX, else index.sqlite in the results' folder.

    Where there is no such folder yet, there is nothing to keep: an index in memory.
    """
    chosen = given or os.environ.get(VARIABLE)
    if chosen:
        return chosen
    return f"sqlite:///{results_dir.absolute() / FILE_NAME}" if results_dir.is_dir() else IN_MEMORY


def parse_url(text_: str) -> URL:
    """Return the database's URL. Raises UsageError for anything but SQLite and PostgreSQL."""
    try:
        url = make_url(text_)
    except ArgumentError:
        url = None
    backend = url.drivername.partition("+")[0] if url is not None else ""
    if url is None or backend not in ("sqlite", "postgresql", "postgres"):
        raise UsageError(
            f"{_shown(url) if url is not None else 'the index'} is no URL of a database that we know: write "
            "sqlite:////path/index.sqlite or postgresql://user@host/database"
        )
    return url if backend == "sqlite" else url.set(drivername="postgresql+psycopg")


def connect(url: URL) -> Engine:
    """Open the database, with tables of this version in it; `dispose()` the engine at last.

    Tables of an older version are made anew and empty. Raises IndexTrouble.
    """
    with index_errors(url):
        if url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        else:
            limits = {"connect_timeout": _CONNECT_SECONDS}
            engine = create_engine(url, connect_args=limits, pool_pre_ping=True)
        try:
            with engine.begin() as db:
                in_turn(db)
                _prepare_tables(db, url)
        except BaseException:
            engine.dispose()
            raise
    return engine


def in_turn(db: Connection) -> None:
    """Wait for other writers; until the transaction's end."""
    if db.dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def discard(url: URL) -> None:
    """Remove an SQLite file that is damaged, or of a newer version; of PostgreSQL, our tables."""
    with index_errors(url):
        if url.get_backend_name() == "sqlite" and url.database is None:
            return
        if url.get_backend_name() == "sqlite":
            for ending in ("", "-wal", "-shm"):
                Path(f"{url.database}{ending}").unlink(missing_ok=True)
            return
        engine = create_engine(url, connect_args={"connect_timeout": _CONNECT_SECONDS})
        try:
            with engine.begin() as db:
                in_turn(db)
                metadata.drop_all(db)
        finally:
            engine.dispose()


@contextmanager
def index_errors(url: URL) -> Iterator[None]:
    """Turn what the database says into IndexTrouble: which one, why, and what to do."""
    try:
        yield
    except NoSuchModuleError as exc:
        raise UsageError(f"{_shown(url)}: {exc}") from exc
    except (SQLAlchemyError, OSError) as exc:
        raise IndexTrouble(f"the index {_shown(url)} cannot be used: {_reason(exc, url)}") from exc


def _reason(exc: Exception, url: URL) -> str:
    original = exc.orig if isinstance(exc, DBAPIError) and exc.orig is not None else exc
    said = " ".join(str(original).split()) or type(original).__name__
    if isinstance(original, OSError):
        return f"{original.strerror or said}; the records are safe"
    if "disk is full" in said or "No space left" in said or "disk I/O" in said:
        return f"{said}; free some space. The records are safe"
    if "not a database" in said or "malformed" in said:
        return f"{said}; {_AGAIN}"
    if "unable to open" in said:
        return f"{said}: is its folder there, and may we write to it?"
    if "locked" in said:
        return f"{said}: another program is writing it; try again"
    if url.get_backend_name() == "postgresql":
        return f"{said}; the records are safe, and the index takes them up once the database is back"
    return f"{said}; {_AGAIN}"


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = (
        None  # or the module begins transactions by itself, too late and not exclusive
    )
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(db: Connection) -> None:
    db.exec_driver_sql("BEGIN IMMEDIATE" if db.get_execution_options().get("writes", True) else "BEGIN")


def _prepare_tables(db: Connection, url: URL) -> None:
    if inspect(db).has_table(about.name):
        found = db.execute(about.select()).scalar()
        if found == VERSION:
            return
        if found is not None and found > VERSION:
            raise IndexTrouble(
                f"the index {_shown(url)} is of a newer bootlab (version {found}, this one makes {VERSION}): "
                f"use that one, or another index; {_AGAIN}"
            )
        metadata.drop_all(db)
    metadata.create_all(db)
    db.execute(about.insert().values(version=VERSION))
