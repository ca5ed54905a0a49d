"""Frozen dataclasses to JSON objects and back, with every type checked on the way in.

Keys that a reader does not know are left out, so a field may be added within a schema; a record of another
schema is refused rather than read wrongly.

A reader is made once for each type: ten thousand boots are read in a second that way, not in six.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from lab.model import SCHEMA, BootRecord

T = TypeVar("T")
LARGEST = 2**63 - 1
_Reader = Callable[[Any], Any]


class RecordError(ValueError):
    """A JSON value is not the record it should be; the message names the field."""


class _Fault(Exception):
    """What is wrong, somewhere inside; `path` grows while it comes up."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason, self.path = reason, path

    def below(self, step: str) -> "_Fault":
        return _Fault(self.reason, step + self.path)


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
    try:
        result: T = _reader(typing.cast(Any, cls))(obj)
    except _Fault as fault:
        raise RecordError(f"{cls.__name__}{fault.path}{fault.reason}") from None
    return result


def check_schema(obj: Mapping[str, Any]) -> None:
    """Raise RecordError unless the object is of the schema that this program reads."""
    if obj.get("schema") != SCHEMA:
        raise RecordError(
            f"schema {obj.get('schema')!r} is not known: this bootlab reads schema {SCHEMA}; "
            "use the bootlab that wrote it, or a newer one"
        )


@cache
def _reader(kind: Any) -> _Reader:
    """What turns a JSON value into the annotated type `kind`, or raises _Fault."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        inner = _reader(next(a for a in args if a is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _sequence(_reader(args[0]))
    if origin is dict:
        return _mapping(_reader(args[0]), _reader(args[1]))
    if dataclasses.is_dataclass(kind):
        return _instance(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _choice(kind)
    return (lambda value: value) if kind is Any else _scalar(kind)


def _sequence(item: _Reader) -> _Reader:
    def read(value: Any) -> tuple[Any, ...]:
        items = value if isinstance(value, tuple) else _checked(list, value)
        result = []
        for number, inner in enumerate(items):
            try:
                result.append(item(inner))
            except _Fault as fault:
                raise fault.below(f"[{number}]") from None
        return tuple(result)

    return read


def _mapping(key: _Reader, value: _Reader) -> _Reader:
    def read(obj: Any) -> dict[Any, Any]:
        result = {}
        for name, inner in _checked(dict, obj).items():
            try:
                result[key(name)] = value(inner)
            except _Fault as fault:
                raise fault.below(f"[{name!r}]") from None
        return result

    return read


def _instance(cls: Any) -> _Reader:
    hints = typing.get_type_hints(cls)
    fields = [
        (field.name, _reader(hints[field.name]), not _optional(field)) for field in dataclasses.fields(cls)
    ]

    def read(obj: Any) -> Any:
        _checked(dict, obj)
        found = {}
        for name, reader, needed in fields:
            try:
                if name in obj:
                    found[name] = reader(obj[name])
                elif needed:
                    raise _Fault(" is missing")
            except _Fault as fault:
                raise fault.below(f".{name}") from None
        return cls(**found)

    return read


def _optional(field: "dataclasses.Field[Any]") -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _choice(kind: type[StrEnum]) -> _Reader:
    known = {str(member): member for member in kind}

    def read(value: Any) -> StrEnum:
        if not isinstance(value, str) or value not in known:
            raise _Fault(f": {value!r} is none of {', '.join(known)}")
        return known[value]

    return read


def _scalar(kind: type) -> _Reader:
    """A number that no clock shows and no database holds is refused here, once for all who calculate."""

    def read(value: Any) -> Any:
        if kind is float and type(value) is int:
            value = float(value) if abs(value) <= LARGEST else math.inf
        value = _checked(kind, value)
        if kind is int and isinstance(value, bool):
            raise _Fault(f": {value!r} is not a {kind.__name__}")
        if kind is int and not -LARGEST <= value <= LARGEST:
            raise _Fault(": it does not fit into 64 bits")
        if kind is float and not math.isfinite(value):
            raise _Fault(f": {value!r} is not a number that anything was measured as")
        return value

    return read


def _checked(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise _Fault(f": {value!r:.80} is not a {kind.__name__}")
    return value
