"""/nights: nights of a matrix, board by image by suite."""

from typing import Annotated, Any

from flask import Blueprint, g
from pydantic import Field
from typing_extensions import TypedDict

from pxe.web.operator.operation import operation
from pxe.web.operator.results.asking import GONE, ask
from pxe.web.operator.results.models import Word
from pxe.web.operator.results.night_models import MeasuredNight, NightList

blueprint = Blueprint("nights", __name__)


class NightsQuery(TypedDict, total=False):
    """`before`: the name of a night, only older ones; at most `limit`."""

    before: Word
    limit: Annotated[int, Field(ge=1, le=100)]


@blueprint.get("/nights")
@operation(query=NightsQuery, reply=NightList, errors=GONE, conditional=True)
def list_nights() -> dict[str, Any]:
    """The nights in the results folder, the newest first."""
    return ask("nights", **g.query)


@blueprint.get("/nights/<night>")
@operation(reply=MeasuredNight, errors=GONE, conditional=True)
def get_night(night: str) -> dict[str, Any]:
    """One night, `latest` for the newest: how each cell stands, what failed and why, what changed."""
    return ask("night", night=night)
