"""/rules: which plan machines get that name none themselves."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.access import Role
from pxe.plan import PlanRule
from pxe.plan_json import rule_from_json, to_json
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.operator.operation import operation
from pxe.web.operator.reading import Layer, json_body, with_key

blueprint = Blueprint("rules", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBody(PlanRule):
    """A rule as it is set: its `name` is the URL's."""

    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReply(PlanRule):
    """A rule and where it comes from."""

    source: Layer


class Rules(TypedDict):
    """All rules, the most specific first."""

    rules: list[RuleReply]


def _current(name: str) -> dict[str, Any] | None:
    for rule in context().catalogue.snapshot.rules:
        if rule.name == name:
            return _shown(rule)
    return None


@blueprint.get("/rules")
@operation(reply=Rules)
def list_rules() -> dict[str, Any]:
    """All rules, the most specific first: the first that selects a machine wins."""
    return {"rules": [_shown(rule) for rule in context().catalogue.snapshot.ordered_rules]}


@blueprint.get("/rules/<name>")
@operation(reply=RuleReply, subject=_current)
def get_rule(name: str) -> dict[str, Any]:
    """One rule."""
    found = _current(name)
    if found is None:
        raise Unknown(f"rule {name} does not exist")
    return found


@blueprint.put("/rules/<name>")
@operation(body=RuleBody, reply=RuleReply, role=Role.OPERATOR, subject=_current)
def put_rule(name: str) -> dict[str, Any]:
    """Add or replace a rule: `when` (mac, uuid, serial, arch, firmware, tags, network) and `plan`."""
    rule = rule_from_json(with_key(json_body(), "name", name))
    context().store.put_rule(rule)
    return _shown(rule)


@blueprint.delete("/rules/<name>")
@operation(role=Role.OPERATOR, errors=(409, 503), subject=_current)
def delete_rule(name: str) -> tuple[str, int]:
    """Forget a rule that was set through the API."""
    context().store.delete_rule(name)
    return "", 204


def _shown(rule: PlanRule) -> dict[str, Any]:
    return {**to_json(rule), "source": context().store.source(rule)}
