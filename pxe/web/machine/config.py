"""GET and HEAD /c/TOKEN/NAME: what a booting machine configures itself with.

The token says whose; the address must be the one that it was minted for; the query is not looked at (Talos
fills it with its UUID, which anybody could). No cookie, no redirect, no range: installers want the whole.
A refusal is one line, and an event that holds neither the token nor the content.
"""

import hashlib
import os
import time
from collections.abc import Callable
from ipaddress import IPv4Address

from flask import Blueprint, Response, request

from pxe.boot.configs.deliver import Delivery, View, deliver, find
from pxe.boot.configs.source import read_config
from pxe.boot.tokens import Grant
from pxe.config_store import Handover
from pxe.errors import RefusalReason, RequestRefused, ServiceError
from pxe.events import ConfigDelivered
from pxe.plan import Config, Machine
from pxe.web.body import Body, Memory
from pxe.web.context import context
from pxe.web.refusals import STATUS

blueprint = Blueprint("config", __name__)

# 406, not 400: the request is right, and there is no version of the config that its client reads
_STATUS = {**STATUS, RefusalReason.UNSUPPORTED: 406}
_HEADERS = {"Cache-Control": "no-store"}


@blueprint.get("/c/<token>/<path:name>")
def get_config(token: str, name: str) -> Response:
    """The config `name` of the boot that `token` is for."""
    client = IPv4Address(request.environ["REMOTE_ADDR"])
    peer = f"{client}:{request.environ.get('REMOTE_PORT', '')}"
    grant: Grant | None = None
    try:
        grant = context().configs.redeem(token, client)
        return _answer(grant, name, token, peer)
    except (RequestRefused, ServiceError) as exc:
        mac = grant.mac if grant is not None else context().requester(client).mac
        context().refusals.note(mac=mac, name=name, peer=peer, reason=str(exc))
        if isinstance(exc, ServiceError):
            return _line("on the server, the delivery cannot be put on record; see its log", 503)
        return _line(str(exc), _STATUS[exc.reason])


@blueprint.get("/c/")
@blueprint.get("/c/<path:_rest>")
def get_nothing(_rest: str = "") -> Response:
    """A URL of configs without a token or a name."""
    return _line("no such config", 404)


def _answer(grant: Grant, name: str, token: str, peer: str) -> Response:
    service = context()
    snapshot = service.catalogue.snapshot
    plan = snapshot.plans.get(grant.plan)
    if plan is None:
        raise RequestRefused(RefusalReason.NOT_FOUND, f"plan {grant.plan} is gone")
    machine = snapshot.machines.get(grant.mac) or Machine(mac=grant.mac)
    config = find(plan, machine, name)
    if config is not None and config.secret:
        service.configs.check_secret(grant, name)
    requester = service.requester(grant.address)
    view = View(server=str(requester.server), config=f"{requester.http}/c/{token}/")
    delivery = deliver(config, name, machine, view, ", ".join(request.headers.getlist("Accept")), _read)
    if delivery.empty:
        return Response(status=204, headers=_HEADERS)
    return _sent(delivery, grant, name, peer)


def _read(config: Config) -> str:
    return read_config(config, os.environ)


def _sent(delivery: Delivery, grant: Grant, name: str, peer: str) -> Response:
    size = len(delivery.body)
    response = Response(content_type=delivery.content_type, headers=_HEADERS)
    response.headers["Content-Length"] = str(size)
    if request.method == "HEAD":
        return response
    handover = Handover(
        mac=grant.mac,
        plan=grant.plan,
        name=name,
        config_kind=delivery.kind,
        sha256=hashlib.sha256(delivery.body).hexdigest(),
        size=size,
        peer=peer,
    )
    number = context().configs.begin(handover)
    response.response = Body(Memory(delivery.body, 0), size, _ender(number, handover, grant))
    response.direct_passthrough = True
    return response


def _ender(number: int, handover: Handover, grant: Grant) -> Callable[[int, str, str], None]:
    """Return what puts the end of a delivery on record; called once, when the server is through with it."""
    service = context()

    def ended(_sent: int, outcome: str, _detail: str) -> None:
        service.configs.end(number, outcome, grant, handover.name)
        if outcome == "complete":
            service.events.append(
                ConfigDelivered(
                    t_ns=time.monotonic_ns(),
                    mac=handover.mac,
                    plan=handover.plan,
                    name=handover.name,
                    config_kind=handover.config_kind,
                    sha256=handover.sha256,
                    size=handover.size,
                    peer=handover.peer,
                )
            )

    return ended


def _line(text: str, status: int) -> Response:
    line = " ".join(text.split()) + "\n"
    return Response(line, status=status, content_type="text/plain; charset=utf-8", headers=_HEADERS)
