"""GET /plans/<name>/assets: the files of a plan as they are now, with checksums a board can compute too."""

from typing import NotRequired

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.errors import PlanError
from pxe.plan import Asset
from pxe.web.context import context
from pxe.web.operator.operation import operation
from pxe.web.operator.plans import known_plan

blueprint = Blueprint("assets", __name__)


class AssetState(TypedDict):
    """A file as it is now; `error` where it cannot be read, else all others."""

    name: str
    path: str
    size: NotRequired[int]
    mtime_ns: NotRequired[int]
    crc32: NotRequired[str]
    sha256: NotRequired[str]
    error: NotRequired[str]


class AssetStates(TypedDict):
    """The files of a plan."""

    assets: list[AssetState]


@blueprint.get("/plans/<name>/assets")
@operation(reply=AssetStates)
def list_assets(name: str) -> AssetStates:
    """Size, modification time, CRC-32 and SHA-256 of each asset; `error` where one cannot be read."""
    return {"assets": [_shown(asset) for asset in known_plan(name).assets()]}


def _shown(asset: Asset) -> AssetState:
    shown: AssetState = {"name": asset.name, "path": str(asset.path)}
    try:
        stamp, sums = context().checksums.of(asset.path)
    except PlanError as exc:
        return {**shown, "error": str(exc)}
    return {
        **shown,
        "size": stamp.size,
        "mtime_ns": stamp.mtime_ns,
        "crc32": sums.crc32,
        "sha256": sums.sha256,
    }
