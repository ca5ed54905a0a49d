"""/machines: which machines there are, and what each boots."""

import contextlib
from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.access import Role
from pxe.errors import PlanError
from pxe.plan import Machine, normalise_mac
from pxe.plan_json import machine_from_json, to_json
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.operator.operation import operation
from pxe.web.operator.reading import Layer, json_body, with_key

blueprint = Blueprint("machines", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineBody(Machine):
    """A machine as it is set: its `mac` is the URL's."""

    mac: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineReply(Machine):
    """A machine and where it comes from."""

    source: Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSet(MachineReply):
    """A machine that was set. `warnings` are sentences about what will not come true."""

    warnings: tuple[str, ...] = ()


class Machines(TypedDict):
    """All machines."""

    machines: list[MachineReply]


class NoFields(TypedDict):
    """{}"""


class NextBody(TypedDict):
    """The plan to boot once; null: none."""

    plan: str | None


def _current(mac: str) -> dict[str, Any] | None:
    with contextlib.suppress(PlanError):
        machine = context().catalogue.machine(normalise_mac(mac))
        return _shown(machine) if machine is not None else None
    return None


@blueprint.get("/machines")
@operation(reply=Machines)
def list_machines() -> dict[str, Any]:
    """All machines, sorted by MAC."""
    return {"machines": [_shown(m) for _, m in sorted(context().catalogue.snapshot.machines.items())]}


@blueprint.get("/machines/<mac>")
@operation(reply=MachineReply, subject=_current)
def get_machine(mac: str) -> dict[str, Any]:
    """One machine, by its MAC in any usual way of writing."""
    return _shown(_known(mac))


@blueprint.put("/machines/<mac>")
@operation(body=MachineBody, reply=MachineSet, role=Role.OPERATOR, subject=_current)
def put_machine(mac: str) -> dict[str, Any]:
    """Add or replace a machine: `name`, `ip` (DHCP reservation), `plan`, `uuid`, `serial`, `tags`,
    `next_plan`, `hold`. `warnings`: a reserved address in none of our networks."""
    address = normalise_mac(mac)
    body = json_body()
    if isinstance(body.get("mac"), str):
        body["mac"] = normalise_mac(body["mac"])
    machine = machine_from_json(with_key(body, "mac", address))
    context().store.put_machine(machine)
    return {**_shown(machine), "warnings": _warnings(machine)}


def _warnings(machine: Machine) -> list[str]:
    """The site file may not say so at all; through the API a machine may be on its way to another place."""
    networks = context().networks
    if machine.ip is None or not networks or any(machine.ip in network for network in networks):
        return []
    known = ", ".join(map(str, networks))
    return [f"ip: {machine.ip} is in no network of this service ({known}): the machine will not get it there"]


@blueprint.post("/machines/<mac>/hold")
@operation(body=NoFields, reply=MachineReply, role=Role.OPERATOR, subject=_current)
def hold(mac: str) -> dict[str, Any]:
    """Keep a machine from booting anything until it is released. The body is {}."""
    _fields(json_body())
    return _shown(context().store.hold(_known(mac).mac))


@blueprint.post("/machines/<mac>/release")
@operation(body=NoFields, reply=MachineReply, role=Role.OPERATOR, subject=_current)
def release(mac: str) -> dict[str, Any]:
    """Let a held machine boot again; its firmware asks by itself, or after a power cycle. The body is {}."""
    _fields(json_body())
    return _shown(context().store.hold(_known(mac).mac, hold=False))


@blueprint.post("/machines/<mac>/next")
@operation(body=NextBody, reply=MachineReply, role=Role.OPERATOR, subject=_current)
def boot_next(mac: str) -> dict[str, Any]:
    """Boot `plan` once, at the next start; null: as always."""
    body = json_body()
    plan = _fields(body, "plan").get("plan")
    if "plan" not in body or not isinstance(plan, str | None):
        raise PlanError("plan: name the plan to boot once, or null for none")
    return _shown(context().store.boot_next(_known(mac).mac, plan))


@blueprint.delete("/machines/<mac>")
@operation(role=Role.OPERATOR, errors=(409, 503), subject=_current)
def delete_machine(mac: str) -> tuple[str, int]:
    """Forget a machine that was set through the API."""
    context().store.delete_machine(_known(mac).mac)
    return "", 204


def _fields(body: dict[str, Any], *known: str) -> dict[str, Any]:
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise PlanError(f"unknown field {unknown[0]!r}; there are: {', '.join(known) or 'none'}")
    return body


def _known(mac: str) -> Machine:
    try:
        machine = context().catalogue.machine(normalise_mac(mac))
    except PlanError as exc:
        raise Unknown(str(exc)) from None
    if machine is None:
        raise Unknown(f"machine {mac} does not exist")
    return machine


def _shown(machine: Machine) -> dict[str, Any]:
    return {**to_json(machine), "source": context().store.source(machine)}
