"""GET /audit?limit=N&of=PATH: who changed what, when, from where."""

from typing import Annotated, Any

from flask import Blueprint, g
from pydantic import Field
from typing_extensions import TypedDict

from pxe.web.context import context
from pxe.web.operator.operation import operation

blueprint = Blueprint("audit", __name__)

PAGE = 1000


class AuditQuery(TypedDict, total=False):
    """`of`: how the action ends, such as /plans/p."""

    limit: Annotated[int, Field(ge=0, le=PAGE)]
    of: str


class AuditEntry(TypedDict):
    """A change, or a request that was refused. `at` in seconds since 1970; `changes`: field -> [before,
    after], long values shortened; `before` and `after` are the ETags."""

    id: int
    at: float
    who: str
    role: str
    source: str
    action: str
    outcome: str
    changes: dict[str, list[Any]]
    before: str
    after: str


class AuditPage(TypedDict):
    """The newest first."""

    audit: list[AuditEntry]


@blueprint.get("/audit")
@operation(query=AuditQuery, reply=AuditPage, errors=(503,))
def list_audit() -> dict[str, Any]:
    """The newest first. Kept over restarts, the last 10,000."""
    return {"audit": context().audit.entries(g.query.get("limit", 100), g.query.get("of", ""))}
