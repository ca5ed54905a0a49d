"""A rollout's journal and its plan together: begun, read back, and written on."""

import time
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from lab.clock import now_ns
from lab.errors import InfrastructureError, UsageError
from lab.rollout.engine import Engine, NodeRecord, Record, State
from lab.rollout.journal import SCHEMA, Journal, from_line, lines, to_line
from lab.rollout.plan import Plan

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Recorded:
    """What the journal says of a plan's rollout so far; `began` is Unix time.

    `offsets` and `since` are of each node's `changing` line: where it is, and when it was written (lab.clock;
    0 where the host was started since).
    """

    def __init__(self, plan: Plan, path: Path) -> None:
        self.plan = plan
        self.path = path
        self.began = 0.0
        self.offsets = array("q", [-1]) * plan.pace.count
        self.since = array("q", [0]) * plan.pace.count
        self.boot = _BOOT_ID.read_text().strip()
        self._numbers = {node.name: number for number, node in enumerate(plan.nodes)}
        self.engine = Engine(plan.pace, self._records())

    def _records(self) -> Iterator[Record]:
        boot, number = "", 0
        for number, (offset, line) in enumerate(lines(self.path), 1):
            if number == 1:
                self._check(line)
            boot = line.get("boot", boot)
            try:
                record = from_line(line, self._numbers)
            except (ValueError, KeyError, TypeError) as exc:
                raise InfrastructureError(f"{self.path}:{number}: the journal is damaged: {exc!r}") from exc
            if isinstance(record, NodeRecord) and record.to is State.CHANGING:
                self.offsets[record.node] = offset
                self.since[record.node] = int(line.get("t_ns", 0)) if boot == self.boot else 0
            if record is not None:
                yield record
        if not number:
            raise UsageError(f"{self.path}: the journal is empty; no rollout of this plan was begun")

    def _check(self, line: dict[str, Any]) -> None:
        if line.get("schema") != SCHEMA:
            raise UsageError(f"{self.path}:1: is no journal of a rollout that this version knows")
        if line.get("digest") != self.plan.digest:
            raise UsageError(
                f"{self.path}: this rollout was begun with other nodes, steps or another change than "
                f"{self.plan.file} has now: put the file back, or begin a new one with --new"
            )
        self.began = float(line.get("began", 0))


class Writer:
    """An open journal and the engine that it tells of; a context manager. Only one at a time can be open."""

    def __init__(self, plan: Plan, path: Path, *, fresh: bool) -> None:
        self.journal = Journal(path, fresh=fresh)
        try:
            if fresh:
                header = {"schema": SCHEMA, "plan": plan.name, "digest": plan.digest, "began": time.time()}
                self.journal.begin(header | {"boot": _BOOT_ID.read_text().strip()})
            self.recorded = Recorded(plan, path)
            if not fresh:
                self.journal.append({"resumed": time.time(), "boot": self.recorded.boot})
        except BaseException:
            self.journal.close()
            raise
        self.engine = self.recorded.engine
        self._plan = plan

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()

    def write(self, records: Iterable[Record]) -> None:
        """Add records; they are on disk after `journal.commit`."""
        for record in records:
            self.journal.append(to_line(record, self._name) | {"t_ns": now_ns()})

    def changing(self, number: int, before: dict[str, Any]) -> int:
        """Note that a node is about to be changed; returns now (lab.clock)."""
        (record,) = self.engine.answer(number, State.CHANGING)
        t_ns = now_ns()
        line = to_line(record, self._name) | {"t_ns": t_ns, "before": before}
        self.recorded.offsets[number] = self.journal.append(line)
        self.recorded.since[number] = t_ns
        return t_ns

    def before(self, number: int) -> dict[str, Any]:
        """What a node had before its change."""
        found: dict[str, Any] = self.journal.read_at(self.recorded.offsets[number])["before"]
        return found

    def _name(self, number: int) -> str:
        return self._plan.nodes[number].name
