"""GET /openapi.json: the API described by what its routes declare. OpenAPI 3.1.

pydantic turns the models (the service's own dataclasses, and TypedDicts of the replies) into JSON schemas;
the rest of the document is what Flask knows of the routes. docs/adr/0010-openapi.md says why.
"""

import inspect
import re
from collections.abc import Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Literal

from flask import Blueprint, Flask, Response, current_app, jsonify
from pydantic import TypeAdapter
from typing_extensions import TypedDict
from werkzeug.routing import Rule

from pxe.web.operator.operation import Operation, declared_of, operation

blueprint = Blueprint("openapi", __name__)

_CACHE = "bootlab-openapi"
_REFERENCE = "#/components/schemas/{model}"
_MODES: tuple[Literal["validation", "serialization"], ...] = ("validation", "serialization")
# What names look like in a path; others are 404 or 400. A MAC may also be written 5254.0012.3456.
_WORDS: dict[str, dict[str, Any]] = {
    "mac": {"pattern": "^[0-9A-Fa-f]{2}([:-]?[0-9A-Fa-f]{2}){5}$", "examples": ["52:54:00:12:34:56"]},
    "name": {"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", "examples": ["debian-installer"]},
    "run": {"examples": ["20261122T043619Z-3f9a1c"]},
    "night": {"examples": ["latest"]},
    "number": {"type": "integer", "minimum": 1},
    "path": {"examples": ["2026-11-22/20261122T043619Z-3f9a1c/report.html"]},
}
_NO_METHODS = {"HEAD", "OPTIONS"}
_ABOUT = 'Machines, what they boot, and what happened. Errors are {"error": sentence}.'


class Error(TypedDict):
    """What went wrong, and how to mend it."""

    error: str


@blueprint.get("/openapi.json")
@operation(hidden=True, role=None)
def get_document() -> Response:
    """This description."""
    found = current_app.extensions.get(_CACHE)
    if found is None:
        found = current_app.extensions[_CACHE] = document(current_app)
    return jsonify(found)


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of the routes of `app`."""
    routes = [(rule, method, app.view_functions[rule.endpoint], op) for rule, method, op in operations(app)]
    wanted: dict[int, Any] = {}
    for _, _, _, op in routes:
        wanted |= {id(model): model for model in (op.body, op.reply, *op.also.values()) if model is not None}
    wanted[id(Error)] = Error
    inputs = [(key, mode, TypeAdapter(model)) for key, model in wanted.items() for mode in _MODES]
    schemas, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE)
    paths: dict[str, Any] = {}
    for rule, method, view, op in routes:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(rule, view, op, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "bootlab", "version": version("bootlab"), "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def operations(app: Flask) -> Iterator[tuple[Rule, str, Operation]]:
    """The declared routes of `app` that are part of the API, each with its method."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        op = declared_of(app.view_functions[rule.endpoint])
        if op is None or op.hidden:
            continue
        for method in sorted((rule.methods or set()) - _NO_METHODS):
            yield rule, method, op


def _operation(rule: Rule, view: Any, op: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    summary, _, text = (inspect.getdoc(view) or "").partition("\n")
    role = op.role.value if op.role is not None else "anybody"
    found: dict[str, Any] = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": summary,
        "description": f"{text.strip()}\n\nRole: {role}.".strip(),
        "x-role": role,
        "security": [{"token": []}] if op.role is not None else [],
        "parameters": [*_path_parameters(rule), *_query_parameters(op, schemas), *_conditions(rule, op)],
        "responses": _responses(rule, op, schemas),
    }
    if op.body is not None:
        schema = schemas[id(op.body), "validation"]
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", **_WORDS.get(name, {})}}
        for name in sorted(rule.arguments)
    ]


def _query_parameters(op: Operation, schemas: dict[Any, Any]) -> list[dict[str, Any]]:
    if op.query is None:
        return []
    described = TypeAdapter(op.query).json_schema(ref_template=_REFERENCE)
    required = described.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in described["properties"].items()
    ]


def _conditions(rule: Rule, op: Operation) -> list[dict[str, Any]]:
    about: dict[str, str] = {}
    if op.conditional:
        about["If-None-Match"] = "the ETag of an answer: 304 where it still is that"
    elif op.subject is not None and "GET" not in (rule.methods or ()):
        about["If-Match"] = "the ETag that was read: 412 where it is not the present one"
        if "PUT" in (rule.methods or ()):
            about["If-None-Match"] = "*: 412 where there is one already"
    return [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in about.items()
    ]


def _responses(rule: Rule, op: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"204": {"description": "Done."}}
    if op.reply is not None:
        # OpenAPI 3.1 has no schema for bytes as they are: a JSON file of the results is no string
        whole = {} if op.reply is bytes else {"schema": schemas[id(op.reply), "serialization"]}
        content = {op.media: whole}
        found = {"200": {"description": "The answer.", "content": content}}
    for status, model in op.also.items():
        content = {op.media: {"schema": schemas[id(model), "serialization"]}}
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    for status in (*op.bare, *((304,) if op.conditional else ())):
        found[str(status)] = {"description": HTTPStatus(status).phrase}
    for status in sorted(_errors(rule, op) - op.also.keys()):
        kinds: dict[str, Any] = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        if status == 401:  # the login page, for a person whose browser follows a link
            kinds["text/html"] = {"schema": {"type": "string"}}
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": kinds}
    return found


def _errors(rule: Rule, op: Operation) -> set[int]:
    """The statuses that follow from what an operation takes, and those that it names itself."""
    found = {400, *op.errors}
    if op.role is not None:
        found |= {401, 403}
    if rule.arguments:
        found.add(404)
    if op.subject is not None and "GET" not in (rule.methods or ()):
        found.add(412)
    if op.body is not None:
        found |= {413, 415, 503}
    return found
