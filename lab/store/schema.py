"""The records as JSON schemas (draft 2020-12), made from the dataclasses that read and write them.

`python -m lab.store.schema` writes docs/schemas/; a test holds the files there against this.
"""

import dataclasses
import inspect
import json
import re
import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import Any

from lab.model import SCHEMA, BootRecord, Measurement
from lab.store.codec import LARGEST
from lab.store.run import BOOTS_FILE, MEASUREMENTS_FILE, RUN_FILE, RunInfo
from lab.store.writer import write_text

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schemas"
RECORDS: dict[str, tuple[type, str]] = {
    "run.schema.json": (RunInfo, RUN_FILE),
    "boot.schema.json": (BootRecord, f"a line of {BOOTS_FILE}"),
    "measurement.schema.json": (Measurement, f"a line of {MEASUREMENTS_FILE}"),
}
_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Any: {},
}
_COMMENT = re.compile(r"^    (\w+): [^#\n]*  # (.+)$", re.MULTILINE)


def record_schema(cls: type, where: str) -> dict[str, Any]:
    """Return the schema of the records of one kind; `where` says what holds them."""
    definitions: dict[str, Any] = {}
    root = _object(cls, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"{cls.__name__}: {where}"}
    return {**head, **root, "$defs": dict(sorted(definitions.items()))}


def schema_text(name: str) -> str:
    """Return the text of the file of that name in docs/schemas."""
    return json.dumps(record_schema(*RECORDS[name]), indent=2, ensure_ascii=False) + "\n"


def _object(cls: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of one dataclass. Unknown keys are allowed: a later bootlab may have added a field."""
    hints, told = typing.get_type_hints(cls), dict(_COMMENT.findall(inspect.getsource(cls)))
    properties, required = {}, []
    for field in dataclasses.fields(cls):
        properties[field.name] = _of(hints[field.name], definitions)
        if field.name in told:
            properties[field.name] = {**properties[field.name], "description": told[field.name]}
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.append(field.name)
        elif field.default is not dataclasses.MISSING:
            properties[field.name] = {**properties[field.name], "default": field.default}
    if "schema" in properties:
        properties["schema"] = {"const": SCHEMA}
        required.append("schema")
    text = " ".join(inspect.cleandoc(cls.__doc__ or "").split())
    return {"description": text, "type": "object", "properties": properties, "required": required}


def _of(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        inner = next(a for a in args if a is not type(None))
        return {"anyOf": [_of(inner, definitions), {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _of(args[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(args[1], definitions)}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if kind.__name__ not in definitions:
            definitions[kind.__name__] = _object(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"enum": [str(member) for member in kind]}
    return _SCALARS[kind]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for _name in RECORDS:
        write_text(FOLDER / _name, schema_text(_name))
