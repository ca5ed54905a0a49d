"""GET /NAME: the same names, and the same bytes, as over TFTP."""

import time
from ipaddress import IPv4Address

from flask import Blueprint, Response, request

from pxe.boot.grub_query import GRUB_NAME
from pxe.errors import RequestRefused
from pxe.events import TransferRefused
from pxe.web.context import context
from pxe.web.sending import send_resource

blueprint = Blueprint("files", __name__)


@blueprint.get("/<path:name>")
def get_file(name: str) -> Response:
    """A file of the plan of the machine at the client's address, or one that is there for everybody."""
    service = context()
    client = IPv4Address(request.environ["REMOTE_ADDR"])
    requester = service.requester(client)
    if name.endswith(GRUB_NAME) and request.query_string:
        # GRUB's query is part of the name, as it is over TFTP; it may hold any byte
        name = f"{name}?{request.query_string.decode('ascii', 'replace')}"
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
