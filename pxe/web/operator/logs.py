"""GET /machines/<mac>/log: what a machine said over syslog and netconsole, as a long poll."""

from typing import Annotated, Any

from flask import Blueprint, g
from pydantic import Field
from typing_extensions import TypedDict

from pxe.errors import PlanError
from pxe.plan import normalise_mac
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.operator.operation import operation

blueprint = Blueprint("logs", __name__)

LONGEST_WAIT = 30.0  # seconds; each waiting client holds a thread
PAGE = 2000


class LogQuery(TypedDict, total=False):
    """`since`: the number of the last line that is known already; `wait`: seconds; at most `limit` lines."""

    since: Annotated[int, Field(ge=0, le=2**53)]
    limit: Annotated[int, Field(ge=1, le=PAGE)]
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)]


class LoggedLine(TypedDict):
    """A line. `t_ns` is CLOCK_MONOTONIC as in events, `at` seconds since 1970, both of this host; `severity`
    0 (emergency) to 7 (debug) and `facility` as the machine said (RFC 5424), `number` the kernel's count."""

    seq: int
    t_ns: int
    at: float
    source: str
    text: str
    severity: int | None
    facility: int | None
    app: str
    number: int | None


class LogPage(TypedDict):
    """`next` is the `since` of the next call. `received`: whether this service receives log lines at all."""

    lines: list[LoggedLine]
    next: int
    received: bool


@blueprint.get("/machines/<mac>/log")
@operation(query=LogQuery, reply=LogPage)
def get_log(mac: str) -> dict[str, Any]:
    """The newest lines, or those numbered above `since`, oldest first; waits up to `wait` seconds for one.

    Who sent a line is told by its address and proven by nothing. `source` bootlab: of the service itself.
    """
    try:
        address = normalise_mac(mac)
    except PlanError as exc:
        raise Unknown(str(exc)) from None
    logs, since = context().logs, g.query.get("since", 0)
    if logs is None:
        return {"lines": [], "next": since, "received": False}
    found = logs.read(address, since, g.query.get("limit", 200), g.query.get("wait", 0.0))
    return {"lines": found, "next": found[-1]["seq"] if found else since, "received": True}
