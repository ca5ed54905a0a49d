"""Machines, plans and rules that change while the service runs: checked, on disk, then in the catalogue.

Two layers: what the configuration gives at start, and over it what was set through the API. The upper one
survives a restart and wins; deleting it uncovers the configured one again.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Engine

from pxe.boot.catalogue import Catalogue
from pxe.boot.check import check_machine, check_rule
from pxe.boot.crosscheck import check_machine_fits, check_plan_fits, check_rule_fits, check_whole, users_of
from pxe.boot.snapshot import Snapshot
from pxe.boot.validate import uboot_objection, validate
from pxe.errors import PlanError
from pxe.events import Event, PlanChanged
from pxe.plan import BootPlan, Firmware, Machine, PlanRule, UnknownMachines
from pxe.plan_tables import PlanTables

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Unknown(PlanError):
    """There is no plan, machine or rule of that name."""


class InUse(PlanError):
    """It cannot be deleted: something refers to it, or the configuration gives it."""


def configured(
    machines: Iterable[Machine],
    plans: Iterable[BootPlan],
    rules: Iterable[PlanRule] = (),
    *,
    unknown: UnknownMachines = UnknownMachines.IGNORE,
    discovery: str | None = None,
) -> Snapshot:
    """Return what the configuration gives, checked as a whole; what looks odd is logged.

    Raises PlanError for the first fault: a bad word, a missing file, a name or address given twice, a
    machine or a rule whose plan does not exist, rules that tie.
    """
    by_name = _by_key("plan", plans, lambda plan: plan.name)
    by_mac: dict[str, Machine] = {}
    by_rule = _by_key("rule", rules, lambda rule: rule.name)
    whole = Snapshot(by_mac, by_name, tuple(by_rule.values()), unknown, discovery)
    for plan in by_name.values():
        for warning in _naming(f"plan {plan.name}: ", validate, plan):
            _log.warning("plan %s: %s", plan.name, warning)
        _naming(f"plan {plan.name}: ", check_plan_fits, plan, whole)
    for machine in machines:
        if machine.mac in by_mac:
            raise PlanError(f"machine {machine.mac}: given twice")
        by_mac[machine.mac] = machine
        _naming(f"machine {machine.mac}: ", _check_machine, machine, whole)
    for rule in whole.rules:
        _naming(f"rule {rule.name}: ", _check_rule, rule, whole)
    check_whole(whole)
    return whole


class PlanStore:
    """The upper layer, and the catalogue that shows both. Any thread may change it; changes queue up.

    All that changes something raises PlanError, naming the field, Unknown for what does not exist, or
    ServiceError where the disk takes nothing: then nothing has changed.
    """

    def __init__(
        self, engine: Engine, base: Snapshot, catalogue: Catalogue, emit: Callable[[Event], None]
    ) -> None:
        """Read what was set before, and show it. Raises ServiceError where the database cannot be used."""
        self._base, self._catalogue, self._emit = base, catalogue, emit
        self._lock = threading.RLock()
        self._tables = PlanTables(engine)
        self._upper = self._tables.load()
        for key in (*(self._upper.plans.keys() & base.plans), *(self._upper.machines.keys() & base.machines)):
            _log.info("%s: what was set through the API overrides the configuration", key)
        catalogue.replace(_merged(base, self._upper))

    @property
    def changing(self) -> AbstractContextManager[Any]:
        """Held, nobody else changes anything: for who looks before they change."""
        return self._lock

    def put_plan(self, plan: BootPlan) -> tuple[str, ...]:
        """Add or replace a plan; return warnings: what may not boot everywhere, or looks odd."""
        with self._lock:
            warnings = self.check_plan(plan)
            self._tables.write(plan)
            self._show(self._with(plan))
        for warning in warnings:
            _log.warning("plan %s: %s", plan.name, warning)
        return warnings

    def check_plan(self, plan: BootPlan) -> tuple[str, ...]:
        """Say what `put_plan` would, and change nothing."""
        warnings = validate(plan)
        with self._lock:
            after = _merged(self._base, self._with(plan))
            check_plan_fits(plan, after)
            check_whole(after)
            self._check_uboot(after, plan)
        return warnings

    def _with(self, plan: BootPlan) -> Snapshot:
        return replace(self._upper, plans={**self._upper.plans, plan.name: plan})

    def put_machine(self, machine: Machine) -> None:
        """Add or replace a machine."""
        with self._lock:
            self._put_machine(machine)

    def put_rule(self, rule: PlanRule) -> None:
        """Add or replace a rule. PlanError also where it ties with another one."""
        with self._lock:
            rules = {**{r.name: r for r in self._upper.rules}, rule.name: rule}
            upper = replace(self._upper, rules=tuple(rules.values()))
            after = _merged(self._base, upper)
            _check_rule(rule, after)
            check_whole(after)
            self._tables.write(rule)
            self._show(upper)

    def hold(self, mac: str, *, hold: bool = True) -> Machine:
        """Keep a machine from booting anything, or release it; return it."""
        return self._alter(mac, lambda machine: replace(machine, hold=hold))

    def boot_next(self, mac: str, plan: str | None) -> Machine:
        """Let a machine boot `plan` once, None: what it boots otherwise; return the machine."""
        return self._alter(mac, lambda machine: replace(machine, next_plan=plan))

    def finished(self, mac: str, plan: str) -> None:
        """A machine has fetched all that `plan` boots with: forget a next plan, go on to the next stage."""
        then = self._catalogue.snapshot.plans[plan].then

        def after(machine: Machine) -> Machine:
            if machine.next_plan == plan:
                return replace(machine, next_plan=then)
            return replace(machine, plan=then) if then is not None else machine

        self._alter(mac, after)

    def delete_plan(self, name: str) -> None:
        """Forget a plan set through the API. Raises InUse where something names it."""
        with self._lock:
            if name not in self._upper.plans:
                raise _not_ours("plan", name, self._base.plans)
            if name not in self._base.plans:
                user = users_of(name, self._catalogue.snapshot)
                if user:
                    raise InUse(f"plan {name}: {user}; change that first")
            self._tables.remove(BootPlan, name)
            self._show(replace(self._upper, plans=_without(self._upper.plans, name)))

    def delete_machine(self, mac: str) -> None:
        """Forget a machine set through the API. Raises InUse where the configuration gives it."""
        with self._lock:
            if mac not in self._upper.machines:
                raise _not_ours("machine", mac, self._base.machines)
            self._tables.remove(Machine, mac)
            self._show(replace(self._upper, machines=_without(self._upper.machines, mac)))

    def delete_rule(self, name: str) -> None:
        """Forget a rule set through the API. Raises InUse where the configuration gives it."""
        with self._lock:
            if name not in {rule.name for rule in self._upper.rules}:
                raise _not_ours("rule", name, {rule.name: rule for rule in self._base.rules})
            self._tables.remove(PlanRule, name)
            self._show(replace(self._upper, rules=tuple(r for r in self._upper.rules if r.name != name)))

    def source(self, value: BootPlan | Machine | PlanRule) -> str:
        """`api` or `config`: which layer the value that counts comes from."""
        if isinstance(value, Machine):
            return "api" if value.mac in self._upper.machines else "config"
        upper = self._upper.plans if isinstance(value, BootPlan) else {r.name for r in self._upper.rules}
        return "api" if value.name in upper else "config"

    def _alter(self, mac: str, change: Callable[[Machine], Machine]) -> Machine:
        with self._lock:
            before = self._catalogue.machine(mac)
            if before is None:
                raise Unknown(f"machine {mac} does not exist")
            machine = change(before)
            if machine != before:
                self._put_machine(machine)
            return machine

    def _put_machine(self, machine: Machine) -> None:
        """What equals the configuration is not kept over it, so that its later changes count."""
        if machine == self._base.machines.get(machine.mac):
            machines = _without(self._upper.machines, machine.mac)
        else:
            machines = {**self._upper.machines, machine.mac: machine}
        upper = replace(self._upper, machines=machines)
        after = _merged(self._base, upper)
        _check_machine(machine, after)
        known = self._catalogue.machine(machine.mac)
        if machine.tags != (known.tags if known is not None else frozenset()):
            check_whole(after)
        self._check_uboot(
            after, *(after.plans[p] for p in (machine.plan, machine.next_plan) if p), who=machine
        )
        if machine.mac in machines:
            self._tables.write(machine)
        else:
            self._tables.remove(Machine, machine.mac)
        self._show(upper)

    def _check_uboot(self, after: Snapshot, *plans: BootPlan, who: Machine | None = None) -> None:
        """Refuse to give a machine that DHCP saw as U-Boot what U-Boot cannot start."""
        for plan in plans:
            objection = uboot_objection(plan)
            if not objection:
                continue
            for machine in [who] if who is not None else after.machines.values():
                client = self._catalogue.seen.client(machine.mac)
                uses = plan.name in (machine.plan, machine.next_plan)
                if uses and client is not None and client.firmware is Firmware.UBOOT:
                    raise PlanError(f"machine {machine.mac} is a U-Boot: {objection}")
            for rule in after.rules:
                if rule.plan == plan.name:
                    _naming(f"rule {rule.name}: ", _check_rule, rule, after)

    def _show(self, upper: Snapshot) -> None:
        """Disk comes first: a change that the catalogue shows survives whatever comes next."""
        catalogue, after = self._catalogue, _merged(self._base, upper)
        macs = {*catalogue.snapshot.machines, *after.machines}
        before = {mac: catalogue.plan_of(mac) for mac in macs}
        self._upper = upper
        catalogue.replace(after)
        for mac in macs:
            plan = catalogue.plan_of(mac)
            if plan != before[mac]:
                name = plan.name if plan is not None else None
                self._emit(PlanChanged(t_ns=time.monotonic_ns(), mac=mac, plan=name))


def _merged(base: Snapshot, upper: Snapshot) -> Snapshot:
    rules = {rule.name: rule for rule in (*base.rules, *upper.rules)}
    return replace(
        base,
        machines={**base.machines, **upper.machines},
        plans={**base.plans, **upper.plans},
        rules=tuple(rules.values()),
    )


def _without(mapping: Mapping[str, _T], key: str) -> dict[str, _T]:
    return {k: v for k, v in mapping.items() if k != key}


def _by_key(kind: str, values: Iterable[_T], key: Callable[[_T], str]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for value in values:
        if key(value) in found:
            raise PlanError(f"{kind} {key(value)}: given twice")
        found[key(value)] = value
    return found


def _not_ours(kind: str, key: str, base: Mapping[str, object]) -> PlanError:
    if key in base:
        return InUse(f"{kind} {key} comes from the configuration; remove it there")
    return Unknown(f"{kind} {key} does not exist")


def _check_machine(machine: Machine, snapshot: Snapshot) -> None:
    check_machine(machine)
    check_machine_fits(machine, snapshot)


def _check_rule(rule: PlanRule, snapshot: Snapshot) -> None:
    check_rule(rule)
    check_rule_fits(rule, snapshot)
    if rule.when.firmware is Firmware.UBOOT:
        objection = uboot_objection(snapshot.plans[rule.plan])
        if objection:
            raise PlanError(f"plan: {rule.plan}: {objection}")


def _naming(prefix: str, check: Callable[..., _T], *values: object) -> _T:
    """Put what is meant before the message of a PlanError."""
    try:
        return check(*values)
    except PlanError as exc:
        raise PlanError(f"{prefix}{exc}") from None
