"""A recording (asciicast v2) played back as if it were a board.

At once (for tests: a boot of a minute in milliseconds) or with the pauses it had. Output events become bytes;
what is written to the stream is kept in `written` and goes nowhere.
"""

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import InfrastructureError, StreamClosed


@dataclass(frozen=True, slots=True)
class CastEvent:
    """One line of a recording: seconds since its start, `o` (output), `i` (input) or `m` (marker)."""

    seconds: float
    kind: str
    text: str


def read_cast(path: Path) -> tuple[dict[str, Any], list[CastEvent]]:
    """Header and events of an asciicast v2 file; a last line cut off by a crash is left out.

    Raises InfrastructureError, naming file and line, where it is not one.
    """
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InfrastructureError(f"{path}: cannot read the recording: {error}") from error
    header = _json(lines[0])
    if not isinstance(header, dict) or header.get("version") != 2:
        raise InfrastructureError(f"{path}:1: not an asciicast v2 recording (no header with version 2)")
    events = []
    for number, line in enumerate(lines[1:], 2):
        event = _event(_json(line))
        if event is not None:
            events.append(event)
        elif number != len(lines):
            raise InfrastructureError(f"{path}:{number}: not an event of the form [seconds, kind, text]")
    return header, events


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _event(value: Any) -> CastEvent | None:
    match value:
        case [int() | float() as seconds, str() as kind, str() as text]:
            return CastEvent(float(seconds), kind, text)
    return None


class ReplayStream:
    """A ByteStream that plays `path`; `realtime` keeps the pauses. StreamClosed at the recording's end."""

    def __init__(self, path: str | Path, *, realtime: bool = False, name: str = "") -> None:
        self.path = Path(path)
        self.name = name or f"replay:{self.path.name}"
        self.realtime = realtime
        self.written = bytearray()
        self._events: list[CastEvent] = []
        self._next = 0
        self._start = 0.0
        self._closed = threading.Event()
        self._closed.set()

    def open(self) -> None:
        """Load the recording. Raises InfrastructureError where it is none."""
        _, events = read_cast(self.path)
        self._events = [e for e in events if e.kind == "o"]
        self._next = 0
        self._start = time.monotonic()
        self._closed.clear()

    def close(self) -> None:
        """End the playback; may be called twice."""
        self._closed.set()

    def read(self, timeout: float) -> bytes:
        """The next output event, as bytes in UTF-8."""
        if self._closed.is_set():
            raise StreamClosed(f"console {self.name} is closed")
        if self._next >= len(self._events):
            raise StreamClosed(f"console {self.name}: the recording has ended")
        event = self._events[self._next]
        if self.realtime:
            wait = self._start + event.seconds - time.monotonic()
            if wait > 0 and self._closed.wait(min(wait, timeout)):
                return b""
            if wait > timeout:
                return b""
        self._next += 1
        return event.text.encode()

    def write(self, data: bytes) -> None:
        """Keep `data` in `written`. Raises StreamClosed after close()."""
        if self._closed.is_set():
            raise StreamClosed(f"console {self.name} is closed")
        self.written += data
