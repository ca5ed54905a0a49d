"""GET /deliveries?mac=M&limit=N: which configs went to which machines, with their SHA-256."""

from flask import Blueprint, Response, jsonify, request

from pxe.plan import normalise_mac
from pxe.web.context import context
from pxe.web.operator.reading import number_argument, only_arguments

blueprint = Blueprint("deliveries", __name__)

PAGE = 1000


@blueprint.get("/deliveries")
def list_deliveries() -> Response:
    """The newest first; `at` in seconds since 1970. Kept over restarts, the last 10,000.

    `outcome`: complete, aborted, stalled, error; started: under way, or the service was killed during it.
    """
    only_arguments("mac", "limit")
    mac = request.args.get("mac")
    limit = int(number_argument("limit", 100, PAGE))
    found = context().configs.deliveries(limit, normalise_mac(mac) if mac is not None else None)
    return jsonify(deliveries=found)
