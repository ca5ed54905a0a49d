"""A document against a model: pydantic's findings as sentences that say what would be right."""

import difflib
import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lab.config.yamlfile import Document, KeyPath

_Model = TypeVar("_Model", bound=BaseModel)

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
}


def validate(document: Document, model: type[_Model]) -> _Model | None:
    """Return the document as `model`; None, with its faults noted in the document, where it is not."""
    try:
        # Through JSON: pydantic's strict mode takes a list for a tuple and text for an address only there.
        return model.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as exc:
        schema = model.model_json_schema()
        for error in exc.errors(include_url=False):
            where = tuple(error["loc"])
            document.fault(where, _sentence(error["type"], where, dict(error), schema))
        return None


def _sentence(kind: str, where: KeyPath, error: dict[str, Any], schema: dict[str, Any]) -> str:
    given = error.get("input")
    if kind == "missing":
        return f"is missing: {_describe(_at(schema, where))}"
    if kind == "extra_forbidden":
        return _unknown_key(str(where[-1]), list(_at(schema, where[:-1]).get("properties", {})))
    if kind == "value_error":
        return str(error["ctx"]["error"])
    described = _describe(_at(schema, where))
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {_shown(given)}: {described}"
    message = str(error["msg"]).removeprefix("Input ")
    return f"{_shown(given)} {message}: {described}"


def _unknown_key(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown key; {hint}there are {', '.join(known)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else json.dumps(value)


def _describe(node: dict[str, Any]) -> str:
    text = str(node.get("description", "")) or "a value"
    examples = node.get("examples")
    return f"{text}, such as {examples[0]}" if examples else text


def _at(schema: dict[str, Any], where: KeyPath) -> dict[str, Any]:
    """Return the JSON schema of the value at `where`."""
    node = schema
    for part in where:
        node = _resolve(schema, node)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            other = node.get("additionalProperties")
            node = node.get("properties", {}).get(part, other if isinstance(other, dict) else {})
    return {**_resolve(schema, node), **{k: v for k, v in node.items() if k != "anyOf"}}


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow references and the optional (`anyOf` with null)."""
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            node = choice
            break
    reference = str(node.get("$ref", ""))
    return schema["$defs"][reference.rpartition("/")[2]] if reference else node
