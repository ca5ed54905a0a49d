"""GET /boot/MAC.scr, .cfg, .ipxe, .grub, .config.txt, .cmdline.txt: what a machine is told, for people.

By MAC, for whoever asks: a boot script holds no secrets (texts may; they go to their machine only). The URL
of its configs is shown without its token.
"""

from ipaddress import IPv4Address

from flask import Blueprint, Response, request

from pxe.boot.render import Kind, Scene
from pxe.errors import PlanError, RefusalReason, RequestRefused
from pxe.plan import normalise_mac
from pxe.web.context import context

blueprint = Blueprint("boot", __name__)

_KINDS = {
    "scr": Kind.UBOOT,
    "cfg": Kind.PXELINUX,
    "ipxe": Kind.IPXE,
    "grub": Kind.GRUB,
    "config.txt": Kind.CONFIG_TXT,
    "cmdline.txt": Kind.CMDLINE_TXT,
}


@blueprint.get("/boot/<name>")
def get_script(name: str) -> Response:
    """A script of a machine, as text: boot/52:54:00:12:34:56.ipxe"""
    mac, _, suffix = name.partition(".")
    kind = _KINDS.get(suffix)
    if kind is None:
        raise RequestRefused(RefusalReason.NOT_FOUND, f"write boot/MAC. with one of {', '.join(_KINDS)}")
    text = context().catalogue.script_for(kind, _mac(mac), _scene())
    return Response(text, mimetype="text/plain", headers={"Cache-Control": "no-cache"})


def _mac(text: str) -> str:
    try:
        return normalise_mac(text)
    except PlanError as exc:
        raise RequestRefused(RefusalReason.NOT_FOUND, str(exc)) from None


def _scene() -> Scene:
    requester = context().requester(IPv4Address(request.environ["REMOTE_ADDR"]))
    base = requester.http
    return Scene(server=requester.server, http=base, config=f"{base}/c/TOKEN/" if base else "")
