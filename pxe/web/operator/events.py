"""GET /events?since=N&wait=S: what happened on the wire, as a long poll."""

from typing import Annotated, Any

from flask import Blueprint, g
from pydantic import Field
from typing_extensions import TypedDict

from pxe.events import to_json
from pxe.web.context import context
from pxe.web.operator.event_models import NumberedEvent
from pxe.web.operator.operation import operation

blueprint = Blueprint("events", __name__)

LONGEST_WAIT = 30.0  # seconds; each waiting client holds a thread
PAGE = 2000


class EventsQuery(TypedDict, total=False):
    """`since`: the number of the last event that is known already; `wait`: seconds."""

    since: Annotated[int, Field(ge=0, le=2**53)]
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)]


class EventPage(TypedDict):
    """`next` is the `since` of the next call."""

    events: list[NumberedEvent]
    next: int


@blueprint.get("/events")
@operation(query=EventsQuery, reply=EventPage)
def list_events() -> dict[str, Any]:
    """Events numbered above `since`, oldest first, at most 2000; waits up to `wait` seconds for the first.

    An event of kind `events-lost` stands for what is gone.
    """
    since = g.query.get("since", 0)
    page = context().events.since(since, g.query.get("wait", 0.0))[:PAGE]
    return {
        "events": [{"seq": seq, **to_json(event)} for seq, event in page],
        "next": page[-1][0] if page else since,
    }
