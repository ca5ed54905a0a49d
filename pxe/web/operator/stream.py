"""GET /events/stream?since=N: what happens, as server-sent events (text/event-stream)."""

from typing import Annotated

from flask import Blueprint, Response, abort, g, request
from pydantic import Field
from typing_extensions import TypedDict

from pxe.web.context import context
from pxe.web.dispatch import STREAM
from pxe.web.operator.operation import operation

blueprint = Blueprint("stream", __name__)


class StreamQuery(TypedDict, total=False):
    """`since`: the number of the last event that is known already; left out: only what comes."""

    since: Annotated[int, Field(ge=0, le=2**53)]


@blueprint.get("/events/stream")
@operation(query=StreamQuery, reply=str, media="text/event-stream", errors=(503,))
def stream_events() -> Response:
    """Events as they happen: `id` is the event's number, `event` its kind, `data` its JSON as in /events.

    The header Last-Event-ID goes before `since`: a browser that lost the connection reads on where it was.
    `events-lost` stands for what is gone, also where the reader was too slow. A comment keeps an idle stream
    alive. The stream ends with the service only.
    """
    streams = context().streams
    if streams.full:
        abort(503, "too many readers of events; close some")
    last = request.headers.get("Last-Event-ID", "")
    since = int(last) if last.isascii() and last.isdigit() and len(last) < 17 else g.query.get("since")
    request.environ[STREAM] = streams, context().events.newest() if since is None else since
    return Response(mimetype="text/event-stream")
