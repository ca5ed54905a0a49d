"""GET /plans/<name>/assets: the files of a plan as they are now, with checksums a board can compute too."""

from typing import Any

from flask import Blueprint, Response, jsonify

from pxe.errors import PlanError
from pxe.plan import Asset
from pxe.web.context import context
from pxe.web.operator.plans import known_plan

blueprint = Blueprint("assets", __name__)


@blueprint.get("/plans/<name>/assets")
def list_assets(name: str) -> Response:
    """Size, modification time, CRC-32 and SHA-256 of each asset; `error` where one cannot be read."""
    return jsonify(assets=[_shown(asset) for asset in known_plan(name).assets()])


def _shown(asset: Asset) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": asset.name, "path": str(asset.path)}
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
