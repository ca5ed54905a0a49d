"""The operator-facing app: the JSON API under /api/v1, and a page for people at /.

No user is known here, so it is bound to a Unix socket (guarded by its permissions) or to loopback only. A
browser on the same host must not become the attacker's hand: bodies are taken as application/json only (other
origins cannot send that unasked), and over TCP the Host must be an address or localhost (DNS rebinding).
Every error is `{"error": sentence}`.

To add a noun `things`: a module of that name here, listed in _NOUNS, with

    blueprint = Blueprint("things", __name__)

    class Things(TypedDict):              # of typing_extensions; the docstring is the model's description
        "All things."
        things: list[Thing]               # dataclasses and TypedDicts; /openapi.json is made of them

    class ThingsQuery(TypedDict, total=False):
        "The arguments of the query; others are refused."
        limit: Annotated[int, Field(ge=1, le=1000)]

    @blueprint.get("/things")
    @operation(reply=Things, query=ThingsQuery)     # GET: role viewer
    def list_things() -> dict[str, Any]:            # the function's name is the operationId
        "The first line is the summary, the rest the description."
        return {"things": find(g.query.get("limit", 100))}      # flask.g

    @blueprint.put("/things/<name>")
    @operation(body=ThingBody, reply=Thing, role=Role.OPERATOR, errors=(409,))

What changes something has role operator; tokens and the service itself: admin. 400, 401, 403, 404 (where the
path has arguments) and of a body 413, 415, 503 are documented by themselves; `errors` names others, `also`
maps a status to its own model. A page or a style sheet is `@operation(hidden=True)`, with `role=None` where
it shows nothing of the lab. What has no declaration at all is refused when the app is made. Every reply in
the unit tests is held against /openapi.json (tests/unit/pxe/web/conftest.py).
"""

import contextlib
import logging
from ipaddress import ip_address

from flask import Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from pxe.errors import PlanError, ServiceError
from pxe.plan_store import InUse, Unknown
from pxe.web.context import WebContext, bare_app
from pxe.web.operator import (
    assets,
    choices,
    deliveries,
    events,
    health,
    leases,
    logs,
    machines,
    openapi,
    page,
    plans,
    rules,
    stream,
    transfers,
    unknown,
)
from pxe.web.operator.operation import declared_of

_log = logging.getLogger(__name__)

PREFIX = "/api/v1"
BODY_BYTES = 1024 * 1024
_NOUNS = (
    assets,
    choices,
    deliveries,
    events,
    health,
    leases,
    logs,
    machines,
    plans,
    rules,
    stream,
    transfers,
    unknown,
)
_STATUS: dict[type[Exception], int] = {PlanError: 400, Unknown: 404, InUse: 409, ServiceError: 503}


def create_app(context: WebContext) -> Flask:
    """Return the WSGI application of the operator-facing listener."""
    app = bare_app(__name__, context)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    for noun in _NOUNS:
        app.register_blueprint(noun.blueprint, url_prefix=PREFIX)
    app.register_blueprint(openapi.blueprint)
    app.register_blueprint(page.blueprint)
    for endpoint, view in app.view_functions.items():
        assert declared_of(view) is not None, f"{endpoint}: decorate it with @operation(...)"
    app.before_request(_check_host)
    for kind in (*_STATUS, HTTPException, Exception):
        app.register_error_handler(kind, _error)
    return app


def _check_host() -> None:
    """DNS rebinding: a page's own host name that suddenly points at 127.0.0.1 is still in the Host header."""
    if not request.environ.get("REMOTE_ADDR"):  # a Unix socket
        return
    host = request.host.rpartition(":")[0] if ":" in request.host else request.host
    with contextlib.suppress(ValueError):
        ip_address(host.strip("[]"))
        return
    if host != "localhost":
        abort(403, "call the API by its address or as localhost")


def _error(exc: Exception) -> tuple[Response, int]:
    if isinstance(exc, HTTPException):
        return jsonify(error=exc.description or exc.name), exc.code or 500
    for kind in type(exc).__mro__:
        if kind in _STATUS:
            return jsonify(error=str(exc)), _STATUS[kind]
    _log.exception("%s %s failed; this is a bug of bootlab", request.method, request.path, exc_info=exc)
    return jsonify(error="internal error; see the log of the boot service"), 500
