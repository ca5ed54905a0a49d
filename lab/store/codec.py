"""Frozen dataclasses to JSON objects and back, with every type checked on the way in.

Keys that a reader does not know are left out, so a field may be added within a schema; a record of another
schema is refused rather than read wrongly.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from lab.model import SCHEMA, BootRecord

T = TypeVar("T")


class RecordError(ValueError):
    """A JSON value is not the record it should be; the message names the field."""


def to_json(record: Any) -> dict[str, Any]:
    """Return the dataclass instance as a JSON-ready object."""
    return dataclasses.asdict(record)


def from_json(obj: Mapping[str, Any]) -> BootRecord:
    """Return the BootRecord that `to_json` made. Raises RecordError for another schema or a wrong field."""
    return decode(BootRecord, obj)


def decode(cls: type[T], obj: Any) -> T:
    """Return `obj` as a `cls`; where `cls` has a field `schema`, it must be the one we write."""
    if isinstance(obj, Mapping) and "schema" in {f.name for f in dataclasses.fields(cls)}:  # type: ignore[arg-type]
        check_schema(obj)
    result: T = _value(cls, obj, cls.__name__)
    return result


def check_schema(obj: Mapping[str, Any]) -> None:
    """Raise RecordError unless the object is of the schema that this program reads."""
    if obj.get("schema") != SCHEMA:
        raise RecordError(
            f"schema {obj.get('schema')!r} is not known: this bootlab reads schema {SCHEMA}; "
            "use the bootlab that wrote it, or a newer one"
        )


def _value(kind: Any, value: Any, where: str) -> Any:
    """Return `value` as the annotated type `kind`."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else _value(next(a for a in args if a is not type(None)), value, where)
    if origin is tuple:
        items = _checked(list, value, where) if not isinstance(value, tuple) else value
        return tuple(_value(args[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if origin is dict:
        items = _checked(dict, value, where)
        return {_value(args[0], k, where): _value(args[1], v, f"{where}[{k!r}]") for k, v in items.items()}
    if dataclasses.is_dataclass(kind):
        return _instance(kind, _checked(dict, value, where), where)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value not in list(kind):
            raise RecordError(f"{where}: {value!r} is none of {', '.join(kind)}")
        return kind(value)
    return value if kind is Any else _scalar(kind, value, where)


def _instance(cls: Any, obj: dict[str, Any], where: str) -> Any:
    hints = typing.get_type_hints(cls)
    fields = {}
    for field in dataclasses.fields(cls):
        if field.name in obj:
            fields[field.name] = _value(hints[field.name], obj[field.name], f"{where}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecordError(f"{where}.{field.name} is missing")
    return cls(**fields)


def _scalar(kind: type, value: Any, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(value, bool) and kind is not bool:
        raise RecordError(f"{where}: {value!r} is not a {kind.__name__}")
    return _checked(kind, value, where)


def _checked(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise RecordError(f"{where}: {value!r:.80} is not a {kind.__name__}")
    return value
