"""A line that another program of ours heard of a machine: JSON, one datagram a line.

`{"ip": "10.0.0.5", "source": "kmsg", "text": "...", "severity": 6, "facility": 0, "app": "", "number": 17}`
"""

import json
import re
from typing import Any, Final

from pxe.wire.logline import LogLine, harmless

_SOURCE: Final = re.compile(r"[a-z][a-z0-9-]{0,15}")
_MOST: Final = 2**53  # what JSON's readers take for a whole number


def parse_relayed(data: bytes) -> tuple[str, LogLine] | None:
    """Return the machine's address as it was written, and the line; None for what is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    ip, source, text, app = (found.get(key, "") for key in ("ip", "source", "text", "app"))
    if not all(isinstance(word, str) for word in (ip, source, text, app)) or not _SOURCE.fullmatch(source):
        return None
    return ip, LogLine(
        source=source,
        text=_clean(text),
        severity=_number(found.get("severity"), 7),
        facility=_number(found.get("facility"), 23),
        app=_clean(app)[:48],
        number=_number(found.get("number"), _MOST),
    )


def _clean(text: str) -> str:
    return harmless(text.replace("\n", " ").encode("utf-8", "replace"))


def _number(value: Any, most: int) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
    return value if good else None
