"""GET /leases: the DHCP leases, also those that have run out."""

from flask import Blueprint, Response, jsonify

from pxe.web.context import context

blueprint = Blueprint("leases", __name__)


@blueprint.get("/leases")
def list_leases() -> Response:
    """Address, MAC, end (seconds since 1970) and state of each; none where DHCP is off."""
    return jsonify(leases=context().leases())
