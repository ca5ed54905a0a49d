"""GET /health: whether the service answers machines. 503 until it does."""

from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.web.context import context
from pxe.web.operator.operation import operation

blueprint = Blueprint("health", __name__)


class Health(TypedDict):
    """`listeners`: what is bound, by part; `newest_event`: a number to read events from."""

    ready: bool
    listeners: dict[str, str]
    worker_pid: int
    machines: int
    plans: int
    newest_event: int
    event_readers: int


@blueprint.get("/health")
@operation(reply=Health, also={503: Health})
def get_health() -> tuple[dict[str, Any], int]:
    """`ready`, the addresses bound, how many machines and plans there are, and the last event's number."""
    service = context()
    snapshot = service.catalogue.snapshot
    state = {
        **service.health(),
        "machines": len(snapshot.machines),
        "plans": len(snapshot.plans),
        "newest_event": service.events.newest(),
        "event_readers": service.streams.count(),
    }
    return state, 200 if state.get("ready") else 503
