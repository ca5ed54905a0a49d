"""GET /leases: the DHCP leases, also those that have run out."""

from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.boot.leases import LeaseState
from pxe.web.context import context
from pxe.web.operator.operation import operation

blueprint = Blueprint("leases", __name__)


class LeaseReply(TypedDict):
    """An address that DHCP gave; `expires` in seconds since 1970."""

    ip: str
    mac: str
    expires: float
    state: LeaseState


class Leases(TypedDict):
    """All leases."""

    leases: list[LeaseReply]


@blueprint.get("/leases")
@operation(reply=Leases)
def list_leases() -> dict[str, Any]:
    """Address, MAC, end (seconds since 1970) and state of each; none where DHCP is off."""
    return {"leases": context().leases()}
