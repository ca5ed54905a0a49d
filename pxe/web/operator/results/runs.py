"""/runs: boots of one image on one place, as they were recorded. /running: what goes on now."""

from typing import Annotated, Any, Literal

from flask import Blueprint, g
from pydantic import Field
from typing_extensions import TypedDict

from pxe.web.operator.operation import operation
from pxe.web.operator.results.asking import GONE, ask
from pxe.web.operator.results.models import (
    BootConsole,
    MeasuredBoot,
    MeasuredRun,
    RunBoots,
    RunList,
    Running,
    Word,
)

blueprint = Blueprint("runs", __name__)


class RunsQuery(TypedDict, total=False):
    """Only runs that fit all of it. `before`: the name of a run, only older ones; at most `limit`."""

    place: Word
    board_type: Word
    image: Word
    suite: Word
    night: Word
    before: Word
    limit: Annotated[int, Field(ge=1, le=500)]


class RunBootsQuery(TypedDict, total=False):
    """`after`: the number of the last boot that is known already; `state`: only those."""

    after: Annotated[int, Field(ge=0, le=2**31)]
    limit: Annotated[int, Field(ge=1, le=2000)]
    state: Literal["ready", "failed"]


@blueprint.get("/runs")
@operation(query=RunsQuery, reply=RunList, errors=GONE, conditional=True)
def list_runs() -> dict[str, Any]:
    """The runs in the results folder, the newest first, and what of it could not be read."""
    return ask("runs", **g.query)


@blueprint.get("/runs/<run>")
@operation(reply=MeasuredRun, errors=GONE, conditional=True)
def get_run(run: str) -> dict[str, Any]:
    """One run: how it was measured, and what it left."""
    return ask("run", run=run)


@blueprint.get("/runs/<run>/boots")
@operation(query=RunBootsQuery, reply=RunBoots, errors=GONE, conditional=True)
def list_run_boots(run: str) -> dict[str, Any]:
    """The boots of a run, in their order."""
    given = {name: value for name, value in g.query.items() if name != "state"}
    if "state" in g.query:
        given["ready"] = g.query["state"] == "ready"
    return ask("boots", run=run, **given)


@blueprint.get("/runs/<run>/boots/<int:number>")
@operation(reply=MeasuredBoot, errors=GONE, conditional=True)
def get_run_boot(run: str, number: int) -> dict[str, Any]:
    """One boot: its stages, its transfers, why it failed."""
    return ask("boot", run=run, number=number)


@blueprint.get("/runs/<run>/boots/<int:number>/console")
@operation(reply=BootConsole, errors=GONE, conditional=True)
def get_run_console(run: str, number: int) -> dict[str, Any]:
    """What its console said, with milestones and transfers where they happened."""
    return ask("console", run=run, number=number)


@blueprint.get("/running")
@operation(reply=Running, errors=GONE)
def list_running() -> dict[str, Any]:
    """Where each board is now: runs that go on, by hand or in a night, by what they write."""
    return ask("going")
