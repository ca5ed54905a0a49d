"""/rollouts: how far changes to sets of nodes are, as `bootlab rollout` tells; for the page."""

from functools import cache
from typing import Annotated, Any, Literal

from flask import Blueprint, abort
from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from pxe.access import Role
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.operator.operation import operation
from pxe.web.operator.reading import json_body

blueprint = Blueprint("rollouts", __name__)

_Count = Annotated[int, Field(ge=0, le=10_000_000)]
_Text = Annotated[str, Field(max_length=2000)]
_Phase = Literal["running", "paused", "halted", "reverting", "reverted", "done"]


class FailedNode(TypedDict):
    """A node that failed; `state` is what it is now, `cause` one sentence."""

    node: _Text
    state: _Text
    cause: _Text


class RolloutBody(TypedDict):
    """How far a rollout is. `began` is Unix time; `counts` has the nodes of each state; of `failed` only some
    may be told."""

    phase: _Phase
    reason: _Text
    began: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
    step: _Count
    steps: _Count
    nodes: _Count
    counts: Annotated[dict[Annotated[str, Field(max_length=30)], _Count], Field(max_length=20)]
    failed: Annotated[list[FailedNode], Field(max_length=100)]


class RolloutReply(RolloutBody):
    """A rollout as it was told last."""

    name: str


class RolloutList(TypedDict):
    """The last 20, the one that was told of last comes last."""

    rollouts: list[RolloutReply]


@blueprint.get("/rollouts")
@operation(reply=RolloutList)
def list_rollouts() -> dict[str, Any]:
    """The rollouts that this service was told of since it started."""
    return {"rollouts": context().rollouts.all()}


@blueprint.get("/rollouts/<name>")
@operation(reply=RolloutReply)
def get_rollout(name: str) -> dict[str, Any]:
    """One rollout."""
    for told in context().rollouts.all():
        if told["name"] == name:
            return told
    raise Unknown(f"rollout {name} is not known (any more); GET /rollouts lists those that are")


@blueprint.put("/rollouts/<name>")
@operation(body=RolloutBody, reply=RolloutReply, role=Role.OPERATOR, recorded=False)
def put_rollout(name: str) -> dict[str, Any]:
    """Tell how far a rollout is; `bootlab rollout` does so once a second. Not put on record."""
    if len(name) > 100 or not name.isprintable():
        abort(400, "name: at most 100 printable characters")
    try:
        body = _adapter().validate_python(json_body(), strict=True)
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in error["loc"])
        abort(400, f"{where}: {error['msg'].replace('Input should', 'must')}")
    context().rollouts.put(name, dict(body))
    return {"name": name, **body}


@cache
def _adapter() -> TypeAdapter[RolloutBody]:
    return TypeAdapter(RolloutBody)
