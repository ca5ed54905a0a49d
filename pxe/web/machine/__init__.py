"""The machine-facing app: what boards, boot loaders and installers fetch.

Plain text and files; no cookies, no redirects. A machine is known by the address that we gave it, never by
what it says of itself. An unknown one gets 404 and one line.
"""

import logging

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from pxe.errors import RequestRefused
from pxe.web.context import WebContext, bare_app
from pxe.web.machine import boot, config, files
from pxe.web.refusals import STATUS

_log = logging.getLogger(__name__)


def create_app(context: WebContext) -> Flask:
    """Return the WSGI application of the machine-facing listener."""
    app = bare_app(__name__, context)
    app.register_blueprint(boot.blueprint)
    app.register_blueprint(config.blueprint)
    app.register_blueprint(files.blueprint)
    app.register_error_handler(RequestRefused, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _bug)
    return app


def _line(text: str, status: int) -> Response:
    return Response(" ".join(text.split()) + "\n", status=status, mimetype="text/plain")


def _refused(exc: RequestRefused) -> Response:
    return _line(str(exc), STATUS[exc.reason])


def _http_error(exc: HTTPException) -> Response:
    response = _line(exc.name.lower(), exc.code or 500)
    if exc.code == 405:
        response.headers["Allow"] = "GET, HEAD"
    return response


def _bug(exc: Exception) -> Response:
    _log.exception("a request failed; this is a bug of bootlab", exc_info=exc)
    return _line("internal error; see the log of the boot service", 500)
