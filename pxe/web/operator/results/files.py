"""/results/<path>: files of runs and nights as they are: reports, records, recordings, captures.

A report is a page of its own that carries its script. It is sent sandboxed (CSP), so that whatever its file
says, it has no origin: neither our cookie nor the API is in its reach.
"""

import re
from pathlib import Path, PurePosixPath

from flask import Blueprint, Response, request

from pxe.errors import RequestRefused
from pxe.plan import Resource
from pxe.plan_store import Unknown
from pxe.web.operator.operation import operation
from pxe.web.operator.results.asking import GONE, reader
from pxe.web.sending import send_resource

blueprint = Blueprint("results", __name__)

_TEXT = "text/plain; charset=utf-8"
_TYPES = {
    ".html": "text/html; charset=utf-8", ".json": "application/json", ".jsonl": _TEXT, ".log": _TEXT,
    ".txt": _TEXT, ".xml": _TEXT, ".cast": "application/octet-stream", ".pcapng": "application/octet-stream",
}  # fmt: skip
_TOP = re.compile(r"\d{4}-\d{2}-\d{2}|nights|claims")
POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/results/<path:path>")
@operation(reply=bytes, media="*/*", errors=GONE, bare=(206, 304, 412, 416))
def get_results_file(path: str) -> Response:
    """A file of a run or a night, or the part of it that Range names, by its path in the results folder."""
    whole = _inside(reader().folder, path)
    try:
        response = send_resource(request, Resource(name=whole.name, path=whole), lambda event: None)
    except RequestRefused:
        raise _unknown(path) from None
    kind = _TYPES[whole.suffix]
    response.headers["Content-Type"] = kind
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if kind == "application/octet-stream":
        response.headers.set("Content-Disposition", "attachment", filename=whole.name)
    return response


def _inside(folder: Path, path: str) -> Path:
    """The file that is meant. Raises Unknown for what is no file of a run, night or sheet, also by a link."""
    parts = PurePosixPath(path).parts
    named = len(parts) > 1 and _TOP.fullmatch(parts[0]) is not None
    if not named or "\0" in path or any(part.startswith(".") for part in parts):
        raise _unknown(path)
    try:
        whole = folder.joinpath(*parts).resolve(strict=True)
        inside = whole.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        raise _unknown(path) from None
    if not inside or not whole.is_file() or whole.suffix not in _TYPES:
        raise _unknown(path)
    return whole


def _unknown(path: str) -> Unknown:
    return Unknown(f"{path!r:.200} is no file of a run or a night; GET /runs and /nights say which there are")
