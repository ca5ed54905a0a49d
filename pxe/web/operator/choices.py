"""GET /machines/<mac>/choice: what a machine boots at its next start, and why nothing else."""

from dataclasses import asdict
from ipaddress import IPv4Address
from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.boot.select import Candidate, Choice
from pxe.errors import PlanError
from pxe.plan import Action, normalise_mac
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.operator.operation import operation

blueprint = Blueprint("choices", __name__)


class ChoiceReply(TypedDict):
    """What a machine boots: `plan` null is nothing from us."""

    mac: str
    plan: str | None
    action: Action | None
    why: str
    candidates: list[Candidate]
    running: str | None


@blueprint.get("/machines/<mac>/choice")
@operation(reply=ChoiceReply)
def get_choice(mac: str) -> dict[str, Any]:
    """`plan` (null: nothing from us), its `action`, `why`, and the `candidates` with why each won or lost.

    For a machine that we do not know as well: what it would boot. `running` is the plan that the machine has
    fetched and that gave way to the next one meanwhile.
    """
    try:
        address = normalise_mac(mac)
    except PlanError as exc:
        raise Unknown(str(exc)) from None
    choice = context().catalogue.choice(address, addresses().get(address), explain=True)
    return {"mac": address, **shown(choice), "running": context().catalogue.booting.get(address)}


def shown(choice: Choice) -> dict[str, Any]:
    """The choice as JSON."""
    return {
        "plan": choice.plan.name if choice.plan is not None else None,
        "action": choice.plan.action if choice.plan is not None else None,
        "why": choice.why,
        "candidates": [asdict(candidate) for candidate in choice.candidates],
    }


def addresses() -> dict[str, IPv4Address]:
    """The address that DHCP gave to each machine, by MAC."""
    gone = ("released", "declined")
    return {
        lease["mac"]: IPv4Address(lease["ip"])
        for lease in context().leases()
        if lease.get("state") not in gone
    }
