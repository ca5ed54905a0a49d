"""GET /transfers: what is being sent at this moment, over TFTP and HTTP."""

from flask import Blueprint, Response, jsonify

from pxe.events import to_json
from pxe.web.context import context

blueprint = Blueprint("transfers", __name__)


@blueprint.get("/transfers")
def list_transfers() -> Response:
    """The `transfer-started` events of all transfers that have not ended."""
    return jsonify(transfers=[to_json(event) for event in context().events.under_way()])
