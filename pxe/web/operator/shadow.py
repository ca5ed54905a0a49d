"""/shadow: what we would answer beside another DHCP server, and which machines were taken over from it."""

from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.access import Role
from pxe.boot.shadow import Difference
from pxe.errors import PlanError
from pxe.plan import UnknownMachines, normalise_mac
from pxe.plan_store import Unknown
from pxe.shadow import Shadow
from pxe.web.context import context
from pxe.web.operator.machines import NoFields
from pxe.web.operator.operation import operation
from pxe.web.operator.reading import json_body

blueprint = Blueprint("shadow", __name__)


class ShadowAnswer(TypedDict):
    """A DHCP reply; "" and null are what it does not say. `options`: those without a field, by code."""

    message: str
    server: str
    address: str
    next_server: str
    bootfile: str
    server_name: str
    lease_seconds: int | None
    options: dict[str, str]


class ShadowTheirs(TypedDict):
    """The other server's answer and how ours differs. `seen` false: only the machine's REQUEST told of it,
    which names server and address; `via` is the MAC that sent the frame."""

    seen: bool
    via: str
    answer: ShadowAnswer
    differences: list[Difference]


class ShadowExchange(TypedDict):
    """One message of a machine at one stage of its boot. `verdict`: same, differs, silent (we would not
    answer, for `reason`) or unseen (nobody was seen to answer). `t_ns` as in events."""

    firmware: str
    message: str
    t_ns: int
    verdict: str
    reason: str
    ours: ShadowAnswer | None
    theirs: list[ShadowTheirs]


class ShadowMachine(TypedDict):
    """A machine that was heard, or taken over. `known`: it is in `machines`."""

    mac: str
    name: str
    known: bool
    taken: bool
    exchanges: list[ShadowExchange]


class ShadowReply(TypedDict):
    """All of it. `interfaces` are those in shadow mode; `notes` say what cannot be seen."""

    interfaces: list[str]
    notes: list[str]
    machines: list[ShadowMachine]


class TakenReply(TypedDict):
    """A machine that was taken over or released; `warnings` say what may keep a take-over from working."""

    mac: str
    taken: bool
    warnings: list[str]


@blueprint.get("/shadow")
@operation(reply=ShadowReply)
def show_shadow() -> dict[str, Any]:
    """What we would answer to each machine beside the other server's answers; no interface is listed where
    none is in shadow mode."""
    machines = context().catalogue.snapshot.machines.values()
    return _shadow().report({machine.mac: machine.name for machine in machines})


def _current(mac: str) -> dict[str, Any]:
    return {"mac": _mac(mac), "taken": _shadow().is_taken(_mac(mac))}


@blueprint.post("/shadow/<mac>/take")
@operation(body=NoFields, reply=TakenReply, role=Role.OPERATOR, subject=_current)
def take_machine(mac: str) -> dict[str, Any]:
    """Say from now on what this machine boots; the other server keeps giving its address. The body is {}."""
    _no_fields()
    address = _mac(mac)
    snapshot = context().catalogue.snapshot
    if address not in snapshot.machines and snapshot.unknown is not UnknownMachines.BOOT:
        raise Unknown(f"machine {address} does not exist: add it first, or nothing could be booted")
    warnings = _shadow().take(address)
    return {**_current(mac), "warnings": list(warnings)}


@blueprint.post("/shadow/<mac>/release")
@operation(body=NoFields, reply=TakenReply, role=Role.OPERATOR, subject=_current)
def release_machine(mac: str) -> dict[str, Any]:
    """Be silent to this machine again. The body is {}."""
    _no_fields()
    _shadow().release(_mac(mac))
    return {**_current(mac), "warnings": []}


def _no_fields() -> None:
    body = json_body()
    if body:
        raise PlanError(f"unknown field {sorted(body)[0]!r}; there are: none")


def _mac(text: str) -> str:
    try:
        return normalise_mac(text)
    except PlanError as exc:
        raise Unknown(str(exc)) from None


def _shadow() -> Shadow:
    found = context().shadow
    if found is None:
        raise PlanError("no interface is in shadow mode")
    return found
