"""Who changed what, when, from where, and what it was before: the last KEPT changes, in the state database.

Refusals (a wrong token, too low a role, a lost race, a change that cannot be) are on record too; of a flood
of them only some, each with the number of those left out before it. Values are shortened, tokens never come
here.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    desc,
    insert,
    select,
)

from pxe.budget import Budget
from pxe.errors import ServiceError
from pxe.state import storage_errors

_log = logging.getLogger(__name__)

KEPT = 10_000
BURST, PER_SECOND = 50, 1.0  # of refusals
_LONGEST = 300  # characters of a value

_metadata = MetaData()
_audit = Table(
    "audit",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float(53), nullable=False),  # seconds since 1970
    Column("who", String(80), nullable=False),
    Column("role", String(8), nullable=False),
    Column("source", String(80), nullable=False),
    Column("action", String(200), nullable=False),
    Column("outcome", String(400), nullable=False),
    Column("changes", Text, nullable=False),
    Column("before", String(32), nullable=False),
    Column("after", String(32), nullable=False),
    sqlite_autoincrement=True,
)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something: a token's name, or a user of this host; `source` is an address or a socket. Of what
    the service does by itself, `who` is `service`, and `source` says why. 80 characters each."""

    who: str
    role: str
    source: str


class Audit:
    """Safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        """Raises ServiceError where the database cannot be used."""
        self._engine = engine
        self._lock = threading.Lock()
        self._budget = Budget(BURST, PER_SECOND, time.monotonic())
        with storage_errors(engine):
            _metadata.create_all(engine)

    def changed(
        self,
        actor: Actor,
        action: str,
        before: Json | None,
        after: Json | None,
        tags: tuple[str, str] = ("", ""),
    ) -> None:
        """Record that `action` was done. `before` and `after`: the thing as JSON, None where there was none;
        `tags`: its versions. A disk that takes no record is logged."""
        self._write(actor, action, "done", differences(before, after), tags)

    def refused(self, actor: Actor, action: str, reason: str) -> None:
        """Record that `action` was refused; of a flood only some."""
        with self._lock:
            if not self._budget.spend(time.monotonic()):
                return
            unsaid = self._budget.take_skipped()
        more = f" ({unsaid} more refusals before this one)" if unsaid else ""
        self._write(actor, action, f"refused: {reason}{more}", {}, ("", ""))

    def entries(self, limit: int, action: str = "") -> list[dict[str, Any]]:
        """The newest records first, of all or of what ends in `action` (`/plans/p`). Raises ServiceError."""
        query = select(_audit).order_by(desc(_audit.c.id)).limit(limit)
        if action:
            query = query.where(_audit.c.action.endswith(action, autoescape=True))
        with storage_errors(self._engine), self._engine.connect() as db:
            rows = [dict(row._mapping) for row in db.execute(query)]
        return [{**row, "changes": json.loads(row["changes"])} for row in rows]

    def since(self, path: str, tag: str) -> list[dict[str, Any]]:
        """The records of the thing at `path` after its version `tag`, oldest first; none where unknown."""
        found: list[dict[str, Any]] = []
        for row in self.entries(200):
            if row["outcome"] != "done" or path not in (
                row["action"].split(" ", 1)[1],
                _parent(row["action"]),
            ):
                continue
            if row["after"] == tag:
                return found[::-1]
            found.append(row)
            if row["before"] == tag:
                return found[::-1]
        return []

    def _write(self, actor: Actor, action: str, outcome: str, changes: Json, tags: tuple[str, str]) -> None:
        row = {
            **asdict(actor),
            "at": time.time(),
            "action": action[:200],
            "outcome": outcome[:400],
            "changes": json.dumps(changes),
            "before": tags[0],
            "after": tags[1],
        }
        _log.info(
            "audit: %s (%s, from %s): %s: %s", actor.who, actor.role, actor.source, action[:200], outcome
        )
        try:
            with storage_errors(self._engine), self._engine.begin() as db:
                number = db.execute(insert(_audit).values(row).returning(_audit.c.id)).scalar_one()
                db.execute(delete(_audit).where(_audit.c.id <= number - KEPT))
        except ServiceError as exc:
            _log.error("a line of the audit log is not on disk: %s", exc)


def tag_of(thing: Json | None) -> str:
    """The version of a thing, without quotes; "" where there is none."""
    if thing is None:
        return ""
    text = json.dumps(thing, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(text.encode()).hexdigest()[:20]


def differences(before: Json | None, after: Json | None) -> dict[str, list[Any]]:
    """The fields that differ: name -> [before, after], long values shortened."""
    old, new = before or {}, after or {}
    names = sorted(old.keys() | new.keys())
    return {
        name: [_short(old.get(name)), _short(new.get(name))]
        for name in names
        if old.get(name) != new.get(name)
    }


def _short(value: Any) -> Any:
    text = json.dumps(value, default=str)
    return value if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"


def _parent(action: str) -> str:
    """The path of the thing that a verb such as POST /machines/M/hold is about."""
    return action.split(" ", 1)[1].rpartition("/")[0]
