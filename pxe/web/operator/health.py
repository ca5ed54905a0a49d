"""GET /health: whether the service answers machines. 503 until it does."""

from flask import Blueprint, Response, jsonify

from pxe.web.context import context

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def get_health() -> tuple[Response, int]:
    """`ready`, the addresses bound, how many machines and plans there are, and the last event's number."""
    service = context()
    snapshot = service.catalogue.snapshot
    state = {
        **service.health(),
        "machines": len(snapshot.machines),
        "plans": len(snapshot.plans),
        "newest_event": service.events.newest(),
    }
    return jsonify(state), 200 if state.get("ready") else 503
