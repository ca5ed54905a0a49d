"""An Ignition config against the table of the spec: structure and single values. Pure."""

from collections.abc import Iterator
from typing import Any

from pxe.boot.configs.spec import Group, Node, Scalar, Scalars

_WANTED: dict[type, str] = {str: "a string", int: "a whole number", bool: "true or false"}
_INT_LIMIT = 2**63


def faults(node: Node, value: Any, minor: int, where: str = "") -> Iterator[str]:
    """Yield what is wrong with `value` as a part of a config of spec 3.`minor`, each as `where: sentence`."""
    if node.since > minor:
        yield f"{where}: came with spec 3.{node.since}"
    elif isinstance(node, Scalar):
        yield from _scalar(node, value, minor, where)
    elif isinstance(node, Scalars):
        yield from _scalars(node, value, minor, where)
    elif not node.many:
        yield from _fields(node, value, minor, where)
    elif not isinstance(value, list):
        yield f"{where}: must be a list"
    else:
        for number, item in enumerate(value):
            yield from _fields(node, item, minor, f"{where}[{number}]")
        yield from _doubles(node.key, value, where)


def _scalar(node: Scalar, value: Any, minor: int, where: str) -> Iterator[str]:
    if type(value) is not node.type or (isinstance(value, int) and abs(value) >= _INT_LIMIT):
        yield f"{where}: must be {_WANTED[node.type]}"
    elif node.check is not None and (wrong := node.check(value, minor)):
        yield f"{where}: {wrong}"


def _scalars(node: Scalars, value: Any, minor: int, where: str) -> Iterator[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        yield f"{where}: must be a list of strings"
        return
    if node.required and not value:
        yield f"{where}: is empty"
    if node.unique and len(set(value)) != len(value):
        yield f"{where}: has something twice"
    for number, item in enumerate(value):
        if node.check is not None and (wrong := node.check(item, minor)):
            yield f"{where}[{number}]: {wrong}"


def _fields(node: Group, value: Any, minor: int, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where or 'the config'}: must be an object"
        return
    prefix = f"{where}." if where else ""
    for key, part in value.items():
        known = node.fields.get(key)
        if known is None:
            yield f"{prefix}{key}: there is no such field, Ignition would pass over it"
        elif part is not None:
            yield from faults(known, part, minor, f"{prefix}{key}")
    for key, known in node.fields.items():
        if getattr(known, "required", False) and value.get(key) is None:
            yield f"{prefix}{key}: is missing"


def _doubles(key: str, items: list[Any], where: str) -> Iterator[str]:
    """Ignition tells the items of a list apart by one field."""
    seen = set()
    for item in items:
        name = item.get(key) if key and isinstance(item, dict) else None
        if isinstance(name, str) and name in seen:
            yield f"{where}: {key} {name!r} comes twice"
        seen.add(name if isinstance(name, str) else None)


def pruned(value: Any) -> Any:
    """Return `value` without what says nothing: null, empty objects and empty lists as values of fields."""
    if isinstance(value, dict):
        parts = {key: pruned(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not None and part not in ({}, [])}
    return [pruned(part) for part in value] if isinstance(value, list) else value
