"""/rules: which plan machines get that name none themselves."""

from typing import Any

from flask import Blueprint, Response, jsonify

from pxe.plan import PlanRule
from pxe.plan_json import rule_from_json, to_json
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.operator.reading import json_body, only_arguments, with_key

blueprint = Blueprint("rules", __name__)


@blueprint.get("/rules")
def list_rules() -> Response:
    """All rules, the most specific first: the first that selects a machine wins."""
    only_arguments()
    return jsonify(rules=[_shown(rule) for rule in context().catalogue.snapshot.ordered_rules])


@blueprint.get("/rules/<name>")
def get_rule(name: str) -> Response:
    """One rule."""
    for rule in context().catalogue.snapshot.rules:
        if rule.name == name:
            return jsonify(_shown(rule))
    raise Unknown(f"rule {name} does not exist")


@blueprint.put("/rules/<name>")
def put_rule(name: str) -> Response:
    """Add or replace a rule: `when` (mac, uuid, serial, arch, firmware, tags, network) and `plan`."""
    rule = rule_from_json(with_key(json_body(), "name", name))
    context().store.put_rule(rule)
    return jsonify(_shown(rule))


@blueprint.delete("/rules/<name>")
def delete_rule(name: str) -> tuple[str, int]:
    """Forget a rule that was set through the API."""
    context().store.delete_rule(name)
    return "", 204


def _shown(rule: PlanRule) -> dict[str, Any]:
    return {**to_json(rule), "source": context().store.source(rule)}
