"""Plans, rules and what machines say of themselves: from the site file to the boot service's values."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from lab.config import schema
from lab.config.configs import check_plan_configs, config_of
from lab.config.dhcp_schema import SelectorFile
from lab.config.images import asset_of
from lab.config.yamlfile import Document, KeyPath
from pxe.assets import Store
from pxe.boot.check import check_machine, check_rule
from pxe.boot.crosscheck import check_plan_fits, check_rule_fits, check_whole
from pxe.boot.snapshot import Snapshot
from pxe.boot.validate import uboot_objection, validate
from pxe.errors import PlanError
from pxe.plan import Action, Arch, Asset, BootPlan, Firmware, Machine, PlanRule, Selector, Transport
from pxe.settings import ServiceSettings

_FIELD = re.compile(r"(\w+)(?:\[(\d+)\])?(?: |: )")  # how the boot service's messages begin


def plan_of(name: str, file: schema.PlanFile, base: Path, store: Store) -> BootPlan:
    """Return the plan; relative paths are below `base`."""

    def asset(part: schema.AssetFile | None, role: str) -> Asset | None:
        return asset_of(part, role, base, store) if part is not None else None

    return BootPlan(
        name=name,
        action=Action(file.action),
        kernel=asset(file.kernel, "kernel"),
        initrd=asset(file.initrd, "initrd"),
        dtb=asset(file.dtb, "dtb"),
        cmdline=file.cmdline,
        files=tuple(asset_of(part, "", base, store) for part in file.files),
        texts=dict(file.texts),
        fdt_address=file.fdt_address,
        loader=asset(file.loader, "loader"),
        arch=Arch(file.arch) if file.arch is not None else None,
        transport=Transport(file.transport),
        tree=(base / file.tree).absolute() if file.tree is not None else None,
        templates=dict(file.templates),
        configs=tuple(config_of(part, base) for part in file.configs),
        then=file.then,
    )


def rule_of(name: str, file: schema.RuleFile) -> PlanRule:
    """Return the rule."""
    return PlanRule(name=name, when=selector_of(file.when), plan=file.plan)


def selector_of(when: SelectorFile) -> Selector:
    """Return the selector."""
    return Selector(
        mac=when.mac.lower().replace("-", ":"),
        uuid=when.uuid,
        serial=when.serial,
        arch=Arch(when.arch) if when.arch is not None else None,
        firmware=Firmware(when.firmware) if when.firmware is not None else None,
        tags=frozenset(when.tags),
        network=IPv4Network(when.network) if when.network is not None else None,
    )


def machine_of(name: str, file: schema.MachineFile | schema.PlaceFile) -> Machine:
    """Return the machine as the boot service sees it."""
    return Machine(
        mac=file.mac,
        name=name,
        ip=IPv4Address(file.ip) if file.ip is not None else None,
        plan=file.plan,
        hold=file.hold,
        uuid=file.uuid,
        serial=file.serial,
        tags=frozenset(file.tags),
    )


def check_plan_names(document: Document, clients: list[tuple[KeyPath, dict[str, Any]]]) -> None:
    """Note every place that names a plan that does not exist."""
    data = document.data if isinstance(document.data, dict) else {}
    plans, rules, service = (_keys(data.get(key)) for key in ("plans", "rules", "service"))
    named = [((*where, "plan"), client.get("plan")) for where, client in clients]
    named += [(("plans", name, "then"), _keys(plan).get("then")) for name, plan in plans.items()]
    named += [(("rules", name, "plan"), _keys(rule).get("plan")) for name, rule in rules.items()]
    named.append((("service", "discovery"), service.get("discovery")))
    for where, plan in named:
        if isinstance(plan, str) and plan not in plans:
            there = ", ".join(plans) or "none"
            document.fault(where, f"there is no plan {plan!r}; there are {there}")
    if service.get("discovery") is not None and service.get("unknown") != "boot":
        document.fault(
            ("service", "discovery"), "unknown machines boot nothing here; set unknown: boot, or leave it out"
        )


def check_words(
    document: Document,
    plans: tuple[BootPlan, ...],
    rules: tuple[PlanRule, ...],
    machines: Mapping[KeyPath, Machine],
    service: ServiceSettings,
) -> None:
    """Ask the boot service's own checks what it will refuse, while we still know the line."""
    by_mac = {machine.mac: machine for machine in machines.values()}
    whole = Snapshot(by_mac, {p.name: p for p in plans}, rules, service.unknown, service.discovery)
    for plan in plans:
        words = replace(plan, configs=())  # theirs are checked with lines of their own
        _noting(document, ("plans", plan.name), validate, words)
        _noting(document, ("plans", plan.name), check_plan_fits, plan, whole)
        check_plan_configs(document, plan)
    for rule in rules:
        _noting(document, ("rules", rule.name), _check_rule, rule, whole)
    for where, machine in machines.items():
        _noting(document, where, check_machine, machine)
    _noting(document, ("rules",), check_whole, whole)


def _check_rule(rule: PlanRule, whole: Snapshot) -> None:
    check_rule(rule)
    check_rule_fits(rule, whole)
    if rule.when.firmware is Firmware.UBOOT and (objection := uboot_objection(whole.plans[rule.plan])):
        raise PlanError(f"plan: {rule.plan}: {objection}")


def _noting(document: Document, where: KeyPath, check: Callable[..., object], *values: object) -> None:
    """Note what `check` objects to, at the line of the field that its message names."""
    try:
        check(*values)
    except PlanError as exc:
        message = str(exc)
        field = _FIELD.match(message)
        deeper: KeyPath = (*where, field[1], *([int(field[2])] if field[2] else [])) if field else where
        if field is not None and deeper in document.lines:
            message = message[field.end() :]
        elif message.startswith("discovery: "):
            deeper, message = ("service", "discovery"), message.removeprefix("discovery: ")
        else:
            deeper = where
        document.fault(deeper, message)


def _keys(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
