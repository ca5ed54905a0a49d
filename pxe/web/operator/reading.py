"""What a request says, taken apart without trust."""

import json
import math
from typing import Any

from flask import abort, request


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


def number_argument(name: str, default: float, highest: float) -> float:
    """Return the query's number `name`, between 0 and `highest`; 400 otherwise."""
    text = request.args.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= highest:
        abort(400, f"{name}: must be a number from 0 to {highest:.0f}")
    return value


def only_arguments(*known: str) -> None:
    """400 for an argument in the query that nobody reads: most likely a typing error."""
    unknown = sorted(set(request.args) - set(known))
    if unknown:
        abort(400, f"unknown argument {unknown[0]!r}; there are: {', '.join(known) or 'none'}")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
