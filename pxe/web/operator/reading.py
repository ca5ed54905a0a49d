"""What a request says, taken apart without trust."""

import json
from typing import Any, Literal

from flask import abort, request

Layer = Literal["api", "config"]  # where a plan, machine or rule that counts comes from


def json_body() -> dict[str, Any]:
    """Return the body, a JSON object. Ends the request with 400, 413 or 415 and a sentence otherwise."""
    if request.mimetype != "application/json":
        abort(415, "send the body with Content-Type: application/json")
    try:
        obj = json.loads(request.get_data(), parse_constant=_refuse_constant)
    except RecursionError:
        abort(400, "the body is nested too deeply")
    except ValueError as exc:
        abort(400, f"the body is not JSON: {exc}")
    if not isinstance(obj, dict):
        abort(400, "the body must be a JSON object")
    return obj


def with_key(body: dict[str, Any], key: str, value: str) -> dict[str, Any]:
    """Return `body` with its `key`, which the URL gives; 400 where the body names another one."""
    if body.get(key, value) != value:
        abort(400, f"{key}: the body says {body[key]!r}, the URL {value!r}")
    return {**body, key: value}


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
