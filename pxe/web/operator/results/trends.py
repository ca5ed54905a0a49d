"""/trends: cells over the nights."""

from typing import Annotated, Any

from flask import Blueprint, abort, g
from pydantic import Field
from typing_extensions import TypedDict

from pxe.web.operator.operation import operation
from pxe.web.operator.results.asking import GONE, ask
from pxe.web.operator.results.models import Word
from pxe.web.operator.results.night_models import TrendList

blueprint = Blueprint("trends", __name__)

_ONE_CELL = ("place", "image", "suite")


class TrendsQuery(TypedDict, total=False):
    """Cells that fit all of it, from the `after`th on, at most `limit`. `stage`: total (power-on to ready),
    a pair of milestones such as `kernel..init`, or of one cell (place, image, suite) `all` of its stages."""

    place: Word
    board_type: Word
    image: Word
    suite: Word
    stage: Word
    after: Annotated[int, Field(ge=0, le=2**31)]
    limit: Annotated[int, Field(ge=1, le=100)]


@blueprint.get("/trends")
@operation(query=TrendsQuery, reply=TrendList, errors=GONE, conditional=True)
def list_trends() -> dict[str, Any]:
    """Medians and spread of each night, how many boots failed, and where the level changed for good."""
    if g.query.get("stage") == "all" and not all(g.query.get(name) for name in _ONE_CELL):
        abort(400, f"stage: all of them only of one cell: name {', '.join(_ONE_CELL)}")
    return ask("trends", **g.query)
