"""Whether two Ignition configs mean the same: data: URLs and gzip may be written in several ways."""

import zlib
from itertools import zip_longest
from typing import Any

from pxe.boot.configs.values import data_url
from pxe.boot.configs.walk import pruned

_MOST = 64 << 20


def difference(one: Any, other: Any) -> str:
    """Return where they first differ, like storage.files[0].mode; "" where they mean the same."""
    return _first(_plain(pruned(one)), _plain(pruned(other)), "")


def _plain(value: Any) -> Any:
    """A config with what its data: URLs hold in their place."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _plain(part) for key, part in value.items()}
    source = found.get("source")
    content = data_url(source) if isinstance(source, str) and source.startswith("data:") else None
    if content is not None:
        found["source"] = _unpacked(content) if found.get("compression") == "gzip" else content
        found["compression"] = bool(found.get("compression")) and found["source"] is content
    return found


def _unpacked(content: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(content, _MOST)
    except zlib.error:
        return content  # the author says that it is packed, and it is not


def _first(one: Any, other: Any, where: str) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            found = _first(one.get(key), other.get(key), f"{where}.{key}" if where else key)
            if found:
                return found
        return ""
    if isinstance(one, list) and isinstance(other, list):
        for number, (left, right) in enumerate(zip_longest(one, other)):
            if found := _first(left, right, f"{where}[{number}]"):
                return found
        return ""
    return "" if one == other else where or "the whole"
