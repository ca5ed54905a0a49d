"""Reads the record beside a running server, and checks it without asking the server's code what a slot is."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, select

from lab.updates import tables
from lab.updates.kinds import GIVES, TAKES, Kind
from lab.updates.store import read_only, store_errors

_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the record, with its number."""

    seq: int
    at: float
    group: str
    node: str
    kind: str
    detail: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For --json: one flat object."""
        head = {"seq": self.seq, "at": self.at, "group": self.group, "node": self.node, "kind": self.kind}
        return head | dict(self.detail)


class Record:
    """The state and the record of one server. Close it with `close`. Everything raises StoreError."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._engine: Engine = read_only(folder)

    def close(self) -> None:
        """Close it."""
        self._engine.dispose()

    def events(self, since: int = 0, *, group: str = "", node: str = "") -> Iterator[Told]:
        """Events after number `since`, in their order."""
        while True:
            page = self._page(since, group, node)
            yield from page
            if len(page) < _AT_ONCE:
                return
            since = page[-1].seq

    def newest(self) -> int:
        """The number of the newest event; 0 where there is none."""
        found = self.rows(select(tables.events.c.seq).order_by(tables.events.c.seq.desc()).limit(1))
        return int(found[0]["seq"]) if found else 0

    def rows(self, wanted: Select[Any]) -> list[dict[str, Any]]:
        """What a query finds."""
        with store_errors(self.path), self._engine.connect() as db:
            return [dict(row) for row in db.execute(wanted).mappings()]

    def _page(self, since: int, group: str, node: str) -> list[Told]:
        columns = tables.events.c
        wanted = select(tables.events).where(columns.seq > since).order_by(columns.seq).limit(_AT_ONCE)
        if group:
            wanted = wanted.where(columns.group == group)
        if node:
            wanted = wanted.where(columns.node == node)
        return [Told(**row | {"detail": json.loads(row["detail"])}) for row in self.rows(wanted)]


@dataclass(slots=True)
class Kept:
    """How a group kept its limit: the most nodes that had a slot at once, and where that was too many."""

    limit: int | None = None
    most: int = 0
    taken: int = 0
    holders: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)


def check_limits(events: Iterator[Told]) -> dict[str, Kept]:
    """Count slots along the record, group by group: taken by one event, given back by another.

    A limit holds from the event `limits` on for those that come after it.
    """
    groups: dict[str, Kept] = {}
    for event in events:
        kept = groups.setdefault(event.group, Kept())
        if event.kind == Kind.LIMITS:
            said = event.detail.get("slots", event.detail.get("max_concurrent", -1))
            kept.limit = None if said < 0 else int(said)
        elif event.kind in TAKES:
            if event.node in kept.holders:
                kept.broken.append(f"event {event.seq}: {event.node} got a slot twice")
            kept.holders.add(event.node)
            kept.taken += 1
            kept.most = max(kept.most, len(kept.holders))
            if kept.limit is not None and len(kept.holders) > kept.limit:
                kept.broken.append(f"event {event.seq}: {len(kept.holders)} at once, {kept.limit} allowed")
        elif event.kind in GIVES:
            kept.holders.discard(event.node)
    return groups
