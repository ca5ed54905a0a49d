"""GET /NAME: the same names, and the same bytes, as over TFTP."""

import time
from ipaddress import IPv4Address
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from pxe.boot.names import view_folder
from pxe.errors import PlanError, RequestRefused
from pxe.events import TransferRefused
from pxe.plan import normalise_mac
from pxe.web.context import context
from pxe.web.sending import send_resource

blueprint = Blueprint("files", __name__)


@blueprint.get("/<path:name>")
def get_file(name: str) -> Response:
    """A file of the plan of the machine at the client's address, or one that is there for everybody."""
    service = context()
    client = IPv4Address(request.environ["REMOTE_ADDR"])
    requester = service.requester(client)
    if requester.mac is None:
        name = _as_claimed(name)
    try:
        resource = service.catalogue.resolve(name, requester)
        return send_resource(request, resource, service.events.append, service.flows)
    except RequestRefused as exc:
        peer = f"{client}:{request.environ.get('REMOTE_PORT', '')}"
        service.events.append(
            TransferRefused(
                t_ns=time.monotonic_ns(),
                mac=requester.mac,
                protocol="http",
                peer=peer,
                name=name,
                reason=str(exc),
            )
        )
        raise


def _as_claimed(name: str) -> str:
    """A stranger's `grub.cfg?mac=MAC`, as Flatcar's GRUB asks, as the name in the view of that MAC."""
    if not name.endswith("grub.cfg"):
        return name
    # Not by Flask's own parser, which fails for bytes that are no UTF-8
    given = dict(parse_qsl(request.query_string.decode("ascii", "replace")))
    try:
        return view_folder(normalise_mac(given.get("mac", ""))) + name
    except PlanError:
        return name
