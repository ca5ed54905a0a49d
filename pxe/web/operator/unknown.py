"""GET /unknown: machines that asked DHCP and that nobody told us of."""

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.boot.sightings import Sighting
from pxe.plan import UnknownMachines
from pxe.web.context import context
from pxe.web.operator.operation import operation

blueprint = Blueprint("unknown", __name__)


class Stranger(TypedDict):
    """What a machine said of itself. `first` and `last` in seconds since 1970; `count` counts messages."""

    mac: str
    arch: str
    firmware: str
    vendor_class: str
    uuid: str
    serial: str
    first: float
    last: float
    count: int


class Strangers(TypedDict):
    """Those heard of, and what becomes of them."""

    unknown: list[Stranger]
    policy: UnknownMachines


@blueprint.get("/unknown")
@operation(reply=Strangers)
def list_unknown() -> Strangers:
    """What was seen of each, the one heard of last first; none where unknown machines are ignored."""
    catalogue = context().catalogue
    known = catalogue.snapshot.machines
    strangers = [s for s in reversed(catalogue.strangers.all()) if s.client.mac not in known]
    return {"unknown": [_shown(s) for s in strangers], "policy": catalogue.snapshot.unknown}


def _shown(sighting: Sighting) -> Stranger:
    client = sighting.client
    return {
        "mac": client.mac,
        "arch": client.arch,
        "firmware": client.firmware,
        "vendor_class": client.vendor_class,
        "uuid": str(client.uuid) if client.uuid is not None else "",
        "serial": client.serial,
        "first": sighting.first,
        "last": sighting.last,
        "count": sighting.count,
    }
