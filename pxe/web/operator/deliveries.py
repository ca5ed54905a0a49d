"""GET /deliveries?mac=M&limit=N: which configs went to which machines, with their SHA-256."""

from typing import Annotated, Any

from flask import Blueprint, g
from pydantic import Field
from typing_extensions import TypedDict

from pxe.plan import ConfigKind, normalise_mac
from pxe.web.context import context
from pxe.web.operator.operation import operation

blueprint = Blueprint("deliveries", __name__)

PAGE = 1000


class DeliveriesQuery(TypedDict, total=False):
    """Of one machine, or of all; at most `limit`."""

    mac: str
    limit: Annotated[int, Field(ge=0, le=PAGE)]


class Delivery(TypedDict):
    """A config that went to a machine. `at` in seconds since 1970; `peer` is address:port."""

    id: int
    at: float
    mac: str
    plan: str
    name: str
    config_kind: ConfigKind
    sha256: str
    size: int
    peer: str
    outcome: str


class Deliveries(TypedDict):
    """The newest first."""

    deliveries: list[Delivery]


@blueprint.get("/deliveries")
@operation(query=DeliveriesQuery, reply=Deliveries, errors=(503,))
def list_deliveries() -> dict[str, Any]:
    """The newest first. Kept over restarts, the last 10,000.

    `outcome`: complete, aborted, stalled, error; started: under way, or the service was killed during it.
    """
    mac = g.query.get("mac")
    limit = g.query.get("limit", 100)
    return {
        "deliveries": context().configs.deliveries(limit, normalise_mac(mac) if mac is not None else None)
    }
