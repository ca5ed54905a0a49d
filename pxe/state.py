"""What the service must remember over a restart: one small database in the state folder.

SQLite in WAL mode with `synchronous=FULL`: a commit that returned is on disk, also after a power cut. Each
store (leases here, machines and plans elsewhere) owns its table and makes it where it is missing;
`open_state` knows none of them.

Lease expiry is kept in wall-clock seconds since 1970. The monotonic clock would be safe against steps of the
wall clock, but it starts again at the host's reboot, and then no lease could be told from an old one.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from ipaddress import IPv4Address
from pathlib import Path

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, OperationalError

from pxe.boot.leases import Lease, LeaseState
from pxe.errors import ServiceError

SCHEMA = 1
FILE_NAME = "state.sqlite"

_metadata = MetaData()
_schema = Table("schema", _metadata, Column("version", Integer, nullable=False))
_leases = Table(
    "leases",
    MetaData(),
    Column("ip", String(15), primary_key=True),
    Column("mac", String(17), nullable=False, index=True),
    Column("expires", Float(53), nullable=False),  # seconds since 1970
    Column("state", String(8), nullable=False),
)


def open_state(state_dir: Path) -> Engine:
    """Open the database in `state_dir`, making both where they are missing; `dispose()` the engine at last.

    Raises ServiceError for a folder that cannot be written, a full disk, a damaged file, or one that a newer
    version wrote.
    """
    path = state_dir / FILE_NAME
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ServiceError(
            f"cannot make the state folder {state_dir}: {exc.strerror}; choose another one"
        ) from exc
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _set_pragmas)
    try:
        with storage_errors(engine):
            _check(engine, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _check(engine: Engine, path: Path) -> None:
    """Refuse a damaged file and a foreign schema; write ours into a new file."""
    with engine.begin() as db:
        verdict = db.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if verdict != "ok":
            raise ServiceError(_damaged(path, verdict))
        _metadata.create_all(db)
        version = db.execute(select(_schema.c.version)).scalar_one_or_none()
        if version is None:
            db.execute(insert(_schema).values(version=SCHEMA))
        elif version != SCHEMA:
            raise ServiceError(
                f"{path} has schema {version}, this bootlab knows {SCHEMA}: "
                "use the version that wrote it, or another state folder"
            )


def _damaged(path: Path, detail: str) -> str:
    return (
        f"{path} is damaged ({detail}): move it away and start again; "
        "machines then get new leases, and plans must be set anew"
    )


@contextmanager
def storage_errors(engine: Engine) -> Iterator[None]:
    """Turn database errors inside the block into ServiceErrors that name the file and what to do."""
    try:
        yield
    except DBAPIError as exc:
        path, detail = Path(str(engine.url.database)), str(exc.orig)
        if "full" in detail:
            advice = f"{path}: the disk is full; free some space on it"
        elif isinstance(exc, OperationalError):
            advice = f"{path} cannot be used ({detail}); check that we may write to it and its folder"
        else:
            advice = _damaged(path, detail)
        raise ServiceError(advice) from exc


class LeaseStore:
    """The leases on disk. Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        """Raises ServiceError where the table cannot be made."""
        self._engine = engine
        with storage_errors(engine):
            _leases.create(engine, checkfirst=True)

    def load(self) -> list[Lease]:
        """All leases, also those that have run out. Raises ServiceError."""
        with storage_errors(self._engine), self._engine.connect() as db:
            rows = db.execute(select(_leases)).all()
        try:
            return [
                Lease(ip=IPv4Address(row.ip), mac=row.mac, expires=row.expires, state=LeaseState(row.state))
                for row in rows
            ]
        except ValueError as exc:
            raise ServiceError(_damaged(Path(str(self._engine.url.database)), str(exc))) from exc

    def save(self, leases: Sequence[Lease]) -> None:
        """Store all of them, or none, in one transaction; they are on disk when this returns.

        An address has one record; a machine has one lease, beside any addresses it declined. No address and
        no machine may come twice in `leases`. Raises ServiceError.
        """
        if not leases:
            return
        rows = [(str(lease.ip), lease.mac, lease.expires, lease.state.value) for lease in leases]
        with storage_errors(self._engine), self._engine.begin() as db:
            # Straight to the driver: building statements costs three times what SQLite itself does.
            cursor = db.connection.cursor()
            try:
                for at in range(0, len(rows), _AT_ONCE):
                    part = rows[at : at + _AT_ONCE]
                    former = [mac for _, mac, _, state in part if state != DECLINED]
                    if former:
                        cursor.execute(_drop_former(len(former)), former)
                    cursor.execute(_replace(len(part)), [value for row in part for value in row])
            except sqlite3.Error as exc:
                raise DBAPIError.instance("leases", None, exc, sqlite3.Error) from exc
            finally:
                cursor.close()


DECLINED = LeaseState.DECLINED.value
# Many rows in one statement: between two statements the interpreter lock is taken, which the DHCP loop needs.
_AT_ONCE = 64


@lru_cache(maxsize=_AT_ONCE)
def _drop_former(count: int) -> str:
    return f"DELETE FROM leases WHERE state != '{DECLINED}' AND mac IN ({', '.join('?' * count)})"


@lru_cache(maxsize=_AT_ONCE)
def _replace(count: int) -> str:
    rows = ", ".join(["(?, ?, ?, ?)"] * count)
    return f"INSERT OR REPLACE INTO leases (ip, mac, expires, state) VALUES {rows}"
