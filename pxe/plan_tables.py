"""Machines, plans and rules set through the API, on disk: one table each, a JSON object a row."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Column, Engine, MetaData, String, Table, Text, delete, insert, select

from pxe.boot.check import check_machine, check_plan, check_rule
from pxe.boot.snapshot import Snapshot
from pxe.errors import PlanError
from pxe.plan import BootPlan, Machine, PlanRule
from pxe.plan_json import machine_from_json, plan_from_json, rule_from_json, to_json
from pxe.state import storage_errors

_T = TypeVar("_T", BootPlan, Machine, PlanRule)
_log = logging.getLogger(__name__)

_metadata = MetaData()
_plans = Table("plans", _metadata, Column("key", String(64), primary_key=True), Column("body", Text))
_machines = Table("machines", _metadata, Column("key", String(17), primary_key=True), Column("body", Text))
_rules = Table("rules", _metadata, Column("key", String(64), primary_key=True), Column("body", Text))
_TABLES: dict[type, Table] = {BootPlan: _plans, Machine: _machines, PlanRule: _rules}
_NAMES: dict[type, str] = {BootPlan: "plan", Machine: "machine", PlanRule: "rule"}


class PlanTables:
    """The rows. Raises ServiceError where the database cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with storage_errors(engine):
            _metadata.create_all(engine)

    def write(self, value: BootPlan | Machine | PlanRule) -> None:
        """Add or replace it; it is on disk when this returns."""
        self._replace(type(value), _key(value), to_json(value))

    def remove(self, kind: type[BootPlan | Machine | PlanRule], key: str) -> None:
        """Forget the row of that key."""
        self._replace(kind, key, None)

    def load(self) -> Snapshot:
        """What is on disk. A record that we cannot read is skipped aloud: the rest shall boot."""
        return Snapshot(
            machines=self._read(Machine, machine_from_json, check_machine),
            plans=self._read(BootPlan, plan_from_json, check_plan),
            rules=tuple(self._read(PlanRule, rule_from_json, check_rule).values()),
        )

    def _replace(self, kind: type, key: str, body: Mapping[str, object] | None) -> None:
        table = _TABLES[kind]
        with storage_errors(self._engine), self._engine.begin() as db:
            db.execute(delete(table).where(table.c.key == key))
            if body is not None:
                db.execute(insert(table).values(key=key, body=json.dumps(body)))

    def _read(
        self, kind: type[_T], read: Callable[[object], _T], check: Callable[[_T], None]
    ) -> dict[str, _T]:
        with storage_errors(self._engine), self._engine.connect() as db:
            rows = db.execute(select(_TABLES[kind])).all()
        found: dict[str, _T] = {}
        for row in rows:
            with _skipping(_NAMES[kind], row.key):
                value = read(json.loads(row.body))
                check(value)
                found[row.key] = value
        return found


def _key(value: BootPlan | Machine | PlanRule) -> str:
    return value.mac if isinstance(value, Machine) else value.name


@contextmanager
def _skipping(kind: str, key: str) -> Iterator[None]:
    """Log and swallow what a damaged record raises."""
    try:
        yield
    except (PlanError, ValueError) as exc:
        _log.error("%s %s in the state database cannot be used and is left out: %s", kind, key, exc)
