"""Machines and plans that change while the service runs: checked, on disk, then in the catalogue.

Two layers: what the configuration gives at start, and over it what was set through the API. The upper one
survives a restart and wins; deleting it uncovers the configured one again.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Column, Engine, MetaData, String, Table, Text, delete, insert, select

from pxe.boot.assets import check_assets
from pxe.boot.catalogue import Catalogue
from pxe.boot.check import check_machine, check_plan
from pxe.boot.snapshot import Snapshot
from pxe.errors import PlanError
from pxe.events import Event, PlanChanged
from pxe.plan import BootPlan, Machine
from pxe.plan_json import machine_from_json, plan_from_json, to_json
from pxe.state import storage_errors

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

_metadata = MetaData()
_plans = Table("plans", _metadata, Column("key", String(64), primary_key=True), Column("body", Text))
_machines = Table("machines", _metadata, Column("key", String(17), primary_key=True), Column("body", Text))


class Unknown(PlanError):
    """There is no plan or machine of that name."""


class InUse(PlanError):
    """It cannot be deleted: something refers to it, or the configuration gives it."""


def configured(machines: Iterable[Machine], plans: Iterable[BootPlan]) -> Snapshot:
    """Return what the configuration gives, checked as a whole.

    Raises PlanError for the first fault: a bad word, a missing file, a name or address given twice, a
    machine whose plan does not exist.
    """
    by_name: dict[str, BootPlan] = {}
    for plan in plans:
        if plan.name in by_name:
            raise PlanError(f"plan {plan.name}: given twice")
        _check_plan(plan, f"plan {plan.name}: ")
        by_name[plan.name] = plan
    by_mac: dict[str, Machine] = {}
    for machine in machines:
        if machine.mac in by_mac:
            raise PlanError(f"machine {machine.mac}: given twice")
        by_mac[machine.mac] = machine
        _check_machine(machine, Snapshot(by_mac, by_name), f"machine {machine.mac}: ")
    return Snapshot(by_mac, by_name)


class PlanStore:
    """The upper layer, and the catalogue that shows both. Any thread may change it; changes queue up."""

    def __init__(
        self, engine: Engine, base: Snapshot, catalogue: Catalogue, emit: Callable[[Event], None]
    ) -> None:
        """Read what was set before, and show it. Raises ServiceError where the database cannot be used."""
        self._engine, self._base, self._catalogue, self._emit = engine, base, catalogue, emit
        self._lock = threading.Lock()
        with storage_errors(engine):
            _metadata.create_all(engine)
        self._upper = self._load()
        catalogue.replace(_merged(base, self._upper))

    def put_plan(self, plan: BootPlan) -> None:
        """Add or replace a plan. Raises PlanError, naming the field, or ServiceError (nothing changed)."""
        _check_plan(plan, "")
        with self._lock:
            upper = Snapshot(self._upper.machines, {**self._upper.plans, plan.name: plan})
            self._change(upper, _plans, plan.name, to_json(plan))

    def put_machine(self, machine: Machine) -> None:
        """Add or replace a machine. Raises PlanError, naming the field, or ServiceError (nothing changed)."""
        with self._lock:
            _check_machine(machine, self._catalogue.snapshot, "")
            upper = Snapshot({**self._upper.machines, machine.mac: machine}, self._upper.plans)
            self._change(upper, _machines, machine.mac, to_json(machine))

    def delete_plan(self, name: str) -> None:
        """Forget a plan set through the API. Raises Unknown, or InUse where machines boot it."""
        with self._lock:
            if name not in self._upper.plans:
                raise _not_ours("plan", name, self._base.plans)
            upper = Snapshot(self._upper.machines, _without(self._upper.plans, name))
            if name not in self._base.plans:
                users = [m.mac for m in self._catalogue.snapshot.machines.values() if m.plan == name]
                if users:
                    raise InUse(f"plan {name}: machine {users[0]} boots it; give it another plan first")
            self._change(upper, _plans, name, None)

    def delete_machine(self, mac: str) -> None:
        """Forget a machine set through the API. Raises Unknown, or InUse where the configuration gives it."""
        with self._lock:
            if mac not in self._upper.machines:
                raise _not_ours("machine", mac, self._base.machines)
            self._change(
                Snapshot(_without(self._upper.machines, mac), self._upper.plans), _machines, mac, None
            )

    def source(self, value: BootPlan | Machine) -> str:
        """`api` or `config`: which layer the value that counts comes from."""
        if isinstance(value, BootPlan):
            return "api" if value.name in self._upper.plans else "config"
        return "api" if value.mac in self._upper.machines else "config"

    def _change(self, upper: Snapshot, table: Table, key: str, body: Mapping[str, object] | None) -> None:
        """Disk first: a change that the catalogue shows survives whatever comes next."""
        with storage_errors(self._engine), self._engine.begin() as db:
            db.execute(delete(table).where(table.c.key == key))
            if body is not None:
                db.execute(insert(table).values(key=key, body=json.dumps(body)))
        after = _merged(self._base, upper)
        macs = {*self._catalogue.snapshot.machines, *after.machines}
        before = {mac: self._catalogue.plan_of(mac) for mac in macs}
        self._upper = upper
        self._catalogue.replace(after)
        for mac in macs:
            plan = self._catalogue.plan_of(mac)
            if plan != before[mac]:
                name = plan.name if plan is not None else None
                self._emit(PlanChanged(t_ns=time.monotonic_ns(), mac=mac, plan=name))

    def _load(self) -> Snapshot:
        """What the database holds. A record that we cannot read is skipped aloud: the rest shall boot."""
        with storage_errors(self._engine), self._engine.connect() as db:
            plans = db.execute(select(_plans)).all()
            machines = db.execute(select(_machines)).all()
        by_name: dict[str, BootPlan] = {}
        by_mac: dict[str, Machine] = {}
        for row in plans:
            with _skipping("plan", row.key):
                plan = plan_from_json(json.loads(row.body))
                check_plan(plan)
                by_name[row.key] = plan
        for row in machines:
            with _skipping("machine", row.key):
                by_mac[row.key] = machine_from_json(json.loads(row.body))
        for key in (*(by_name.keys() & self._base.plans), *(by_mac.keys() & self._base.machines)):
            _log.info("%s: what was set through the API overrides the configuration", key)
        return Snapshot(by_mac, by_name)


@contextmanager
def _skipping(kind: str, key: str) -> Iterator[None]:
    """Log and swallow what a damaged record raises."""
    try:
        yield
    except (PlanError, ValueError) as exc:
        _log.error("%s %s in the state database cannot be used and is left out: %s", kind, key, exc)


def _merged(base: Snapshot, upper: Snapshot) -> Snapshot:
    return Snapshot({**base.machines, **upper.machines}, {**base.plans, **upper.plans})


def _without(mapping: Mapping[str, _T], key: str) -> dict[str, _T]:
    return {k: v for k, v in mapping.items() if k != key}


def _not_ours(kind: str, key: str, base: Mapping[str, object]) -> PlanError:
    if key in base:
        return InUse(f"{kind} {key} comes from the configuration; remove it there")
    return Unknown(f"{kind} {key} does not exist")


def _check_plan(plan: BootPlan, prefix: str) -> None:
    try:
        check_plan(plan)
        check_assets(plan)
    except PlanError as exc:
        raise PlanError(f"{prefix}{exc}") from None


def _check_machine(machine: Machine, snapshot: Snapshot, prefix: str) -> None:
    try:
        check_machine(machine)
        if machine.plan is not None and machine.plan not in snapshot.plans:
            raise PlanError(f"plan: {machine.plan} does not exist; add the plan first")
        for other in snapshot.machines.values():
            if machine.ip is not None and other.ip == machine.ip and other.mac != machine.mac:
                raise PlanError(f"ip: {machine.ip} is reserved for {other.mac}")
    except PlanError as exc:
        raise PlanError(f"{prefix}{exc}") from None
