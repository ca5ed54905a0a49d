"""/updates: how the lab's update servers stand."""

from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.web.operator.operation import operation
from pxe.web.operator.results.asking import GONE, ask

blueprint = Blueprint("updates", __name__)


class UpdateGroup(TypedDict):
    """A group of nodes: `taken` of `limit` slots (null: no limit); `versions` and `states` count its nodes.

    `paused` says why nobody begins there, "" where they may; `lost` rebooted and never came back.
    """

    group: str
    paused: str
    version: str
    taken: int
    limit: int | None
    lost: int
    versions: dict[str, int]
    states: dict[str, int]


class RebootSlot(TypedDict):
    """Who may reboot (`state` locked), or never came back (lost); `since` in seconds since 1970."""

    group: str
    node: str
    state: str
    since: float


class UpdateEvent(TypedDict):
    """Something that happened; `at` in seconds since 1970."""

    seq: int
    at: float
    group: str
    node: str
    kind: str
    detail: str


class Updates(TypedDict):
    """`served`: whether the site has update servers; `problem`: why nothing can be told of them, or ""."""

    served: bool
    problem: str
    groups: list[UpdateGroup]
    locks: list[RebootSlot]
    events: list[UpdateEvent]


@blueprint.get("/updates")
@operation(reply=Updates, errors=GONE, conditional=True)
def list_updates() -> dict[str, Any]:
    """How each group of the update servers stands, who may reboot, and the newest events first."""
    return ask("updates")
