"""/boots: each boot of each machine: how far it is, what it loads, why it does not go on."""

from typing import Annotated, Any, Literal

from flask import Blueprint, Response, abort, g, request
from pydantic import Field
from typing_extensions import TypedDict

from pxe.boot.record_json import BootReply
from pxe.events import Event, to_json
from pxe.plan import normalise_mac
from pxe.plan_store import Unknown
from pxe.web.context import context
from pxe.web.dispatch import STREAM
from pxe.web.operator.event_models import NumberedEvent
from pxe.web.operator.operation import operation

blueprint = Blueprint("boots", __name__)

LONGEST_WAIT = 30.0  # seconds; each waiting client holds a thread
EVENTS = 500
_NUMBER = Annotated[int, Field(ge=0, le=2**53)]


class BootsQuery(TypedDict, total=False):
    """`mac`: of one machine; `state`: only those; `since`: only those that changed after it; `wait`: seconds,
    for a first change."""

    mac: str
    state: Literal["booting", "done", "waiting", "stalled", "failed", "unknown"]
    since: _NUMBER
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)]


class BootList(TypedDict):
    """`next` is the `since` of the next call."""

    boots: list[BootReply]
    next: int


class BootEvents(TypedDict):
    """A boot, and its machine's events from its first to its last, as far as they are still kept."""

    boot: BootReply
    events: list[NumberedEvent]


class WatchQuery(TypedDict, total=False):
    """`since`: the number of the last change that is known already; left out: all that is known."""

    since: _NUMBER


@blueprint.get("/boots")
@operation(query=BootsQuery, reply=BootList)
def list_boots() -> dict[str, Any]:
    """The boots that are kept, the one that changed last comes last: the last 8 of each machine."""
    watch = context().watch
    watch.measure()
    found, newest = watch.boots.since(g.query.get("since", 0), g.query.get("wait", 0.0))
    if "mac" in g.query:
        mac = normalise_mac(g.query["mac"])
        found = [boot for boot in found if boot.mac == mac]
    shown = [watch.shown(boot) for boot in found]
    if "state" in g.query:
        shown = [boot for boot in shown if boot["state"] == g.query["state"]]
    return {"boots": shown, "next": newest}


@blueprint.get("/boots/<ident>")
@operation(reply=BootEvents)
def get_boot(ident: str) -> dict[str, Any]:
    """One boot with the events that it is told from, at most 500."""
    service = context()
    service.watch.measure()
    boot = service.watch.boots.get(ident)
    if boot is None:
        raise Unknown(f"boot {ident} is not known (any more); GET /boots lists those that are")
    events = [_numbered(seq, event) for seq, event in service.events.since(max(boot.first_seq - 1, 1))
              if event.mac == boot.mac and seq <= boot.last_seq]  # fmt: skip
    return {"boot": service.watch.shown(boot), "events": events[:EVENTS]}


@blueprint.get("/boots/stream")
@operation(query=WatchQuery, reply=str, media="text/event-stream", errors=(503,))
def stream_boots() -> Response:
    """Boots as they change, as server-sent events; what the page reads.

    `boot`: one as in /boots, whenever it changed; `progress`: bytes sent so far by transfer, twice a second;
    `changed`: machines, plans or rules are others now. `id` is the number of the change, for `since` and
    Last-Event-ID.
    """
    watchers = context().watchers
    if watchers.full:
        abort(503, "too many readers of boots; close some")
    last = request.headers.get("Last-Event-ID", "")
    known = int(last) if last.isascii() and last.isdigit() and len(last) < 17 else g.query.get("since", 0)
    request.environ[STREAM] = watchers, known
    return Response(mimetype="text/event-stream")


def _numbered(seq: int, event: Event) -> dict[str, Any]:
    return {"seq": seq, **to_json(event)}
