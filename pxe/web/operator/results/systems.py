"""/systems: operating systems, boards, and what claims came to."""

from typing import Any

from flask import Blueprint
from typing_extensions import TypedDict

from pxe.web.operator.operation import operation
from pxe.web.operator.results.asking import GONE, ask

blueprint = Blueprint("systems", __name__)


class BoardSupport(TypedDict):
    """How sure it is that a system boots on a type of board: `level` is run here, expected, unofficial or
    expected not to boot; `source` is where that was read."""

    level: str
    reason: str
    source: str


class OperatingSystem(TypedDict):
    """A system: what it cannot do (ability -> why), and each type of board (name -> support)."""

    name: str
    title: str
    cannot: dict[str, str]
    boards: dict[str, BoardSupport]


class ClaimSheet(TypedDict):
    """The newest sheet of claims of a system: of `tried` claims `holds` hold; `page` is a path below
    /results, "" where there is none."""

    system: str
    title: str
    version: str
    against: str
    began: str
    page: str
    holds: int
    tried: int


class SystemList(TypedDict):
    """`boards` are names -> titles; `problems` name sheets that cannot be read."""

    systems: list[OperatingSystem]
    boards: dict[str, str]
    abilities: list[str]
    sheets: list[ClaimSheet]
    problems: list[str]


@blueprint.get("/systems")
@operation(reply=SystemList, errors=GONE, conditional=True)
def list_systems() -> dict[str, Any]:
    """What each operating system can do, on which boards it is expected to boot, and what claims came to."""
    return ask("systems")
