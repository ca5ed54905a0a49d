"""A change through the API: told apart from another writer's by versions, and put on record.

A thing's version is its ETag (RFC 9110 section 8.8.3). A writer that sends the one it read as If-Match is
told, with 412, when somebody else was quicker, and what they changed; `If-None-Match: *` is "only where there
is none". Between the comparison and the change nobody else changes anything.
"""

import json
from collections.abc import Callable
from typing import Any

from flask import Response, abort, g, make_response, request
from werkzeug.http import parse_etags, quote_etag

from pxe.audit import tag_of
from pxe.web.context import context

Subject = Callable[
    ..., dict[str, Any] | None
]  # arguments of the route -> the thing as JSON, None: there is none


def shown(subject: Subject, view: Callable[..., Any], arguments: dict[str, Any]) -> Response:
    """Answer a GET, with the thing's version."""
    response = make_response(view(**arguments))
    response.headers["ETag"] = quote_etag(tag_of(subject(**arguments)))
    return response


def unless_known(answer: Any) -> Response:
    """Send an answer with its ETag; nothing but that to who has it already (RFC 9110 section 13.1.2)."""
    response = make_response(answer)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    tag, _ = response.get_etag()
    if tag is not None and request.if_none_match.contains_weak(tag):
        return Response(status=304, headers={"ETag": quote_etag(tag), "Cache-Control": "no-cache"})
    return response


def changed(subject: Subject | None, view: Callable[..., Any], arguments: dict[str, Any]) -> Response:
    """Make a change and record it."""
    with context().store.changing:
        before = subject(**arguments) if subject is not None else None
        if subject is not None:
            _check_version(tag_of(before))
        response = make_response(view(**arguments))
        after = subject(**arguments) if subject is not None else None
    tags = tag_of(before), tag_of(after)
    context().audit.changed(g.actor, action(), before, after, tags)
    if tags[1]:
        response.headers["ETag"] = quote_etag(tags[1])
    return response


def action() -> str:
    """What this request does, for the audit log."""
    return f"{request.method} {request.path}"


def _check_version(tag: str) -> None:
    if (
        "If-None-Match" in request.headers
        and tag
        and parse_etags(request.headers["If-None-Match"]).contains(tag)
    ):
        abort(412, f"{request.path} is there already")
    if "If-Match" not in request.headers:
        return
    wanted = parse_etags(request.headers["If-Match"])
    if not tag:
        abort(412, f"{request.path} is not there any more; somebody else deleted it")
    if not wanted.contains(tag):
        mine = next(iter(wanted), "")
        abort(412, f"{request.path} was changed since you read it{_how(mine)}; read it again, then change it")


def _how(tag: str) -> str:
    """What changed since version `tag`, as far as it is on record."""
    path = request.path
    if request.method == "POST":  # a verb: the thing is one level up
        path = path.rpartition("/")[0]
    said = []
    for row in context().audit.since(path, tag):
        fields = ", ".join(
            f"{name} from {json.dumps(old)} to {json.dumps(new)}"
            for name, (old, new) in row["changes"].items()
        )
        said.append(f"{row['who']} set {fields}")
    return ": " + "; ".join(said) if said else ""
