"""GET / and /static/NAME: the page for people, live by the stream of boots.

What it loads comes from here: a page, a style sheet and a dozen ES modules, as they lie in the package. The
policy lets nothing else run or load, and no text become markup. All of the lab comes by the API, so the
files may be read by anybody who reaches the listener.
"""

import hashlib
from functools import cache
from importlib import resources

from flask import Blueprint, Response, abort, g, make_response, render_template, request

from pxe.web.context import context
from pxe.web.operator.operation import operation

blueprint = Blueprint("page", __name__)

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
)


@blueprint.get("/")
@operation(hidden=True)
def get_page() -> Response:
    """The page; it knows the caller's role, so that it offers what the API allows."""
    results = context().results
    if results is not None:
        results.warm()
    response = make_response(render_template("page.html", role=g.role))
    response.headers["Cache-Control"] = "no-store"
    return _guarded(response)


@blueprint.get("/static/<name>")
@operation(hidden=True, role=None)
def get_static(name: str) -> Response:
    """A part of the page."""
    found = _files().get(name)
    if found is None:
        abort(404)
    data, kind, etag = found
    response = Response(data, mimetype=kind)
    response.set_etag(etag)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return _guarded(response)


def _guarded(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@cache
def _files() -> dict[str, tuple[bytes, str, str]]:
    """Content, type and version by name. Nothing else can be asked for: the list is made of what is there."""
    found = {}
    for entry in resources.files(__package__).joinpath("static").iterdir():
        kind = _TYPES.get(entry.name[entry.name.rfind(".") :])
        if kind is not None:
            data = entry.read_bytes()
            found[entry.name] = (data, kind, hashlib.sha256(data).hexdigest()[:16])
    return found
