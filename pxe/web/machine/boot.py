"""GET /boot/<mac>.scr and .cfg: what a machine would be told to boot, as text, for people.

By MAC, for whoever asks: a boot script holds no secrets (texts may; they go to their machine only).
"""

from ipaddress import IPv4Address

from flask import Blueprint, Response, request

from pxe.boot.render import Scene, pxelinux_config
from pxe.errors import PlanError, RefusalReason, RequestRefused
from pxe.plan import normalise_mac
from pxe.web.context import context

blueprint = Blueprint("boot", __name__)


@blueprint.get("/boot/<mac>.scr")
def get_script(mac: str) -> Response:
    """The U-Boot script inside the machine's boot.scr.uimg."""
    return _text(context().catalogue.script_for(_mac(mac), _scene()))


@blueprint.get("/boot/<mac>.cfg")
def get_pxelinux(mac: str) -> Response:
    """The machine's pxelinux.cfg."""
    plan = context().catalogue.plan_of(_mac(mac))
    if plan is None:
        raise RequestRefused(RefusalReason.NOT_FOUND, f"machine {_mac(mac)} has no plan")
    return _text(pxelinux_config(plan, {}, _scene()))


def _mac(text: str) -> str:
    try:
        return normalise_mac(text)
    except PlanError as exc:
        raise RequestRefused(RefusalReason.NOT_FOUND, str(exc)) from None


def _scene() -> Scene:
    requester = context().requester(IPv4Address(request.environ["REMOTE_ADDR"]))
    return Scene(server=requester.server, http=requester.http)


def _text(content: str) -> Response:
    return Response(content, mimetype="text/plain", headers={"Cache-Control": "no-cache"})
