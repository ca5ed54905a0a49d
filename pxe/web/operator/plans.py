"""/plans: what can be booted."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.access import Role
from pxe.plan import BootPlan
from pxe.plan_json import plan_from_json, to_json
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.operator.operation import operation
from pxe.web.operator.reading import Layer, json_body, with_key

blueprint = Blueprint("plans", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBody(BootPlan):
    """A plan as it is set: its `name` is the URL's."""

    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReply(BootPlan):
    """A plan and where it comes from. `warnings`, once it is set: what may not boot everywhere."""

    source: Layer
    warnings: tuple[str, ...] = ()


class Warnings(TypedDict):
    """What may not boot everywhere, or looks odd."""

    warnings: list[str]


class Plans(TypedDict):
    """All plans."""

    plans: list[PlanReply]


def _current(name: str) -> dict[str, Any] | None:
    plan = context().catalogue.snapshot.plans.get(name)
    return _shown(plan) if plan is not None else None


@blueprint.get("/plans")
@operation(reply=Plans)
def list_plans() -> dict[str, Any]:
    """All plans, sorted by name."""
    return {"plans": [_shown(p) for _, p in sorted(context().catalogue.snapshot.plans.items())]}


@blueprint.get("/plans/<name>")
@operation(reply=PlanReply, subject=_current)
def get_plan(name: str) -> dict[str, Any]:
    """One plan."""
    return _shown(known_plan(name))


@blueprint.put("/plans/<name>")
@operation(body=PlanBody, reply=PlanReply, role=Role.OPERATOR, subject=_current)
def put_plan(name: str) -> dict[str, Any]:
    """Add or replace a plan. Its files must exist on this host; 400 names the field that does not.

    `warnings` are sentences about what may not boot everywhere: an EFI zboot kernel, an odd initrd.
    """
    plan = plan_from_json(with_key(json_body(), "name", name))
    warnings = context().store.put_plan(plan)
    return {**_shown(plan), "warnings": warnings}


@blueprint.post("/plans/<name>/check")
@operation(body=PlanBody, reply=Warnings, role=Role.OPERATOR, recorded=False)
def check_plan(name: str) -> dict[str, Any]:
    """Say what setting this plan would: 400 with the reason, or its warnings. Nothing changes."""
    plan = plan_from_json(with_key(json_body(), "name", name))
    return {"warnings": context().store.check_plan(plan)}


@blueprint.delete("/plans/<name>")
@operation(role=Role.OPERATOR, errors=(409, 503), subject=_current)
def delete_plan(name: str) -> tuple[str, int]:
    """Forget a plan that was set through the API and that no machine boots."""
    context().store.delete_plan(name)
    return "", 204


def known_plan(name: str) -> BootPlan:
    """Return the plan of that name. Raises Unknown."""
    plan = context().catalogue.snapshot.plans.get(name)
    if plan is None:
        raise Unknown(f"plan {name} does not exist")
    return plan


def _shown(plan: BootPlan) -> dict[str, Any]:
    return {**to_json(plan), "source": context().store.source(plan)}
