"""/plans: what can be booted."""

from typing import Any

from flask import Blueprint, Response, jsonify

from pxe.plan import BootPlan
from pxe.plan_json import plan_from_json, to_json
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.operator.reading import json_body, only_arguments, with_key

blueprint = Blueprint("plans", __name__)


@blueprint.get("/plans")
def list_plans() -> Response:
    """All plans, sorted by name."""
    only_arguments()
    return jsonify(plans=[_shown(p) for _, p in sorted(context().catalogue.snapshot.plans.items())])


@blueprint.get("/plans/<name>")
def get_plan(name: str) -> Response:
    """One plan."""
    return jsonify(_shown(known_plan(name)))


@blueprint.put("/plans/<name>")
def put_plan(name: str) -> Response:
    """Add or replace a plan. Its files must exist on this host; 400 names the field that does not.

    `warnings` are sentences about what may not boot everywhere: an EFI zboot kernel, an odd initrd.
    """
    plan = plan_from_json(with_key(json_body(), "name", name))
    warnings = context().store.put_plan(plan)
    return jsonify({**_shown(plan), "warnings": warnings})


@blueprint.delete("/plans/<name>")
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
