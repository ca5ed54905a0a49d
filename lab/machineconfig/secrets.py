"""What nobody but the node shall read: masked wherever a config is shown."""

from typing import Any

from lab.machineconfig.kinds import BASE, KINDS
from lab.machineconfig.schema import Keys, Many, Shape, Text

MASK = "******"


def masked(kind: str, data: Any, other: Any, mark: str) -> Any:
    """Return a document's data with its secrets masked.

    `other` is the same document in the other config of a difference: a secret that is not the same there is
    masked as `****** (mark)`, so that one sees that it changes.
    """
    return _masked(KINDS[kind] if kind else BASE, data, other, mark)


def _masked(shape: Shape | None, data: Any, other: Any, mark: str) -> Any:
    if isinstance(shape, Text) and shape.secret:
        return MASK if other is None or data == other else f"{MASK} ({mark})"
    if isinstance(data, dict):
        known = shape.known if isinstance(shape, Keys) else {}
        there = other if isinstance(other, dict) else {}
        return {key: _masked(known.get(key), value, there.get(key), mark) for key, value in data.items()}
    if isinstance(data, list):
        item = shape.item if isinstance(shape, Many) else None
        return [_masked(item, value, None, mark) for value in data]
    return data
