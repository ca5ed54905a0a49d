"""The operator-facing app: the JSON API under /api/v1, and a page for people at /.

Who may call it: `admission.py`. Bodies are taken as application/json only, which other origins cannot send
unasked. Every error is `{"error": sentence}`; 401, 403 and 412 leave a line in the audit log, as every change
does (`changing.py`).

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

import logging

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from pxe.errors import PlanError, ServiceError
from pxe.plan_store import InUse, Unknown
from pxe.web.context import WebContext, bare_app
from pxe.web.context import context as current
from pxe.web.operator import (
    assets,
    audit,
    boots,
    choices,
    deliveries,
    events,
    health,
    leases,
    logs,
    machines,
    metrics,
    openapi,
    page,
    plans,
    results,
    rollouts,
    rules,
    shadow,
    stream,
    tokens,
    transfers,
    unknown,
)
from pxe.web.operator.admission import admit
from pxe.web.operator.changing import action
from pxe.web.operator.operation import declared_of

_log = logging.getLogger(__name__)

PREFIX = "/api/v1"
LOGIN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
BODY_BYTES = 1024 * 1024
_NOUNS = (
    assets,
    audit,
    boots,
    choices,
    deliveries,
    events,
    health,
    leases,
    logs,
    machines,
    plans,
    rollouts,
    rules,
    shadow,
    stream,
    tokens,
    transfers,
    unknown,
    *results.NOUNS,
)
_ON_RECORD = (401, 403, 412)  # in the audit log, also of those who only read
_STATUS: dict[type[Exception], int] = {PlanError: 400, Unknown: 404, InUse: 409, ServiceError: 503}


def create_app(context: WebContext) -> Flask:
    """Return the WSGI application of the operator-facing listener."""
    app = bare_app(__name__, context)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    for noun in _NOUNS:
        app.register_blueprint(noun.blueprint, url_prefix=PREFIX)
    app.register_blueprint(openapi.blueprint)
    app.register_blueprint(metrics.blueprint)
    app.register_blueprint(page.blueprint)
    for endpoint, view in app.view_functions.items():
        assert declared_of(view) is not None, f"{endpoint}: decorate it with @operation(...)"
    app.before_request(admit)
    for kind in (*_STATUS, HTTPException, Exception):
        app.register_error_handler(kind, _error)
    return app


def _error(exc: Exception) -> tuple[Response, int]:
    if isinstance(exc, HTTPException):
        status, sentence = exc.code or 500, exc.description or exc.name
        if isinstance(exc, RequestEntityTooLarge):
            sentence = f"the body is larger than {BODY_BYTES} bytes"
        if status in _ON_RECORD or (status < 500 and _is_change()):
            current().audit.refused(g.actor, action(), sentence)
        if status == 401:
            return _unknown_caller(sentence), 401
        response = jsonify(error=sentence)
        if isinstance(exc, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(exc.valid_methods or ())
        return response, status
    for kind in type(exc).__mro__:
        if kind in _STATUS:
            if _STATUS[kind] < 500 and _is_change():
                current().audit.refused(g.actor, action(), str(exc))
            return jsonify(error=str(exc)), _STATUS[kind]
    _log.exception("%s %s failed; this is a bug of bootlab", request.method, request.path, exc_info=exc)
    return jsonify(error="internal error; see the log of the boot service"), 500


def _is_change() -> bool:
    """Whether the request would have been on record, had it not been refused."""
    view = current_app.view_functions.get(request.endpoint or "")
    declared = declared_of(view) if view is not None else None
    return request.method not in ("GET", "HEAD") and declared is not None and declared.recorded


def _unknown_caller(sentence: str) -> Response:
    """Ask for a token: a person by a page, a program by a sentence."""
    view = current_app.view_functions.get(request.endpoint or "")
    declared = declared_of(view) if view is not None else None
    navigates = request.headers.get("Sec-Fetch-Mode") == "navigate"  # a person follows a link
    if declared is not None and (declared.hidden or navigates):
        response = make_response(render_template("login.html"))
        response.headers["Content-Security-Policy"] = LOGIN_POLICY
    else:
        response = jsonify(error=sentence)
    response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "no-store"
    return response
