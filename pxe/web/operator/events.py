"""GET /events?since=N&wait=S: what happened on the wire, as a long poll."""

from flask import Blueprint, Response, jsonify

from pxe.events import to_json
from pxe.web.context import context
from pxe.web.operator.reading import number_argument, only_arguments

blueprint = Blueprint("events", __name__)

LONGEST_WAIT = 30.0  # seconds; each waiting client holds a thread
PAGE = 2000


@blueprint.get("/events")
def list_events() -> Response:
    """Events numbered above `since`, oldest first, at most PAGE; waits up to `wait` seconds for the first.

    `next` is the `since` of the next call. An event of kind `events-lost` stands for what is gone.
    """
    only_arguments("since", "wait")
    since = int(number_argument("since", 0, 2**53))
    wait = number_argument("wait", 0.0, LONGEST_WAIT)
    page = context().events.since(since, wait)[:PAGE]
    return jsonify(
        events=[{"seq": seq, **to_json(event)} for seq, event in page],
        next=page[-1][0] if page else since,
    )
