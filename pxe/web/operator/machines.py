"""/machines: which machines there are, and what each boots."""

from typing import Any

from flask import Blueprint, Response, jsonify

from pxe.errors import PlanError
from pxe.plan import Machine, normalise_mac
from pxe.plan_json import machine_from_json, to_json
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.operator.reading import json_body, only_arguments, with_key

blueprint = Blueprint("machines", __name__)


@blueprint.get("/machines")
def list_machines() -> Response:
    """All machines, sorted by MAC."""
    only_arguments()
    return jsonify(machines=[_shown(m) for _, m in sorted(context().catalogue.snapshot.machines.items())])


@blueprint.get("/machines/<mac>")
def get_machine(mac: str) -> Response:
    """One machine, by its MAC in any usual way of writing."""
    return jsonify(_shown(_known(mac)))


@blueprint.put("/machines/<mac>")
def put_machine(mac: str) -> Response:
    """Add or replace a machine: `name`, `ip` (DHCP reservation), `plan`, `uuid`, `serial`, `tags`,
    `next_plan`, `hold`."""
    address = normalise_mac(mac)
    body = json_body()
    if isinstance(body.get("mac"), str):
        body["mac"] = normalise_mac(body["mac"])
    machine = machine_from_json(with_key(body, "mac", address))
    context().store.put_machine(machine)
    return jsonify(_shown(machine))


@blueprint.post("/machines/<mac>/hold")
def hold(mac: str) -> Response:
    """Keep a machine from booting anything until it is released. The body is {}."""
    _fields(json_body())
    return jsonify(_shown(context().store.hold(_known(mac).mac)))


@blueprint.post("/machines/<mac>/release")
def release(mac: str) -> Response:
    """Let a held machine boot again; its firmware asks by itself, or after a power cycle. The body is {}."""
    _fields(json_body())
    return jsonify(_shown(context().store.hold(_known(mac).mac, hold=False)))


@blueprint.post("/machines/<mac>/next")
def boot_next(mac: str) -> Response:
    """Boot `plan` once, at the next start; null: as always."""
    body = json_body()
    plan = _fields(body, "plan").get("plan")
    if "plan" not in body or not isinstance(plan, str | None):
        raise PlanError("plan: name the plan to boot once, or null for none")
    return jsonify(_shown(context().store.boot_next(_known(mac).mac, plan)))


@blueprint.delete("/machines/<mac>")
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
