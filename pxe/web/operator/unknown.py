"""GET /unknown: machines that asked DHCP and that nobody told us of."""

from typing import Any

from flask import Blueprint, Response, jsonify

from pxe.boot.sightings import Sighting
from pxe.web.context import context
from pxe.web.operator.reading import only_arguments

blueprint = Blueprint("unknown", __name__)


@blueprint.get("/unknown")
def list_unknown() -> Response:
    """What was seen of each, the one heard of last first; none where unknown machines are ignored.

    `first` and `last` in seconds since 1970; `count` counts DHCP messages.
    """
    only_arguments()
    catalogue = context().catalogue
    known = catalogue.snapshot.machines
    strangers = [s for s in reversed(catalogue.strangers.all()) if s.client.mac not in known]
    return jsonify(unknown=[_shown(s) for s in strangers], policy=catalogue.snapshot.unknown)


def _shown(sighting: Sighting) -> dict[str, Any]:
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
