"""A console recording (asciicast v2) as lines with the time of each, fit for a page.

The bytes are the board's: escape sequences, redrawn screens, garbage. A page wants lines of text, the blank
ones left out and repeated ones counted, and not a hundred thousand of them.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from lab.measure.text import ERASE, NEWLINE, ConsoleText

FIRST_LINES, LAST_LINES = 2000, 2000  # kept of a longer recording
LINE_LIMIT = 400  # characters shown of one line
_READ_LIMIT = 32 << 20  # bytes read of a recording


@dataclass(frozen=True, slots=True)
class Line:
    """A line of console text; `t_ns` is when its first character came, `times` how often it came in a row."""

    t_ns: int
    text: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """The lines of one boot; `left_out` lines are missing from their middle, `note` says what is wrong."""

    lines: tuple[Line, ...] = ()
    left_out: int = 0
    note: str = ""


def read_recording(folder: Path, name: str, t0_ns: int) -> Recording:
    """Read the recording `name` of the run in `folder`, from power-on (`t0_ns`) on; never raises.

    A recording that does not say which instant its times count from is taken to begin at power-on.
    """
    if not name:
        return Recording(note="The console was not recorded.")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        return Recording(note="The recording lies outside the folder of the run; it is not shown.")
    try:
        with path.open("rb") as file:
            return _shorten(_repeats(_lines(chunks(file.read(_READ_LIMIT), t0_ns))))
    except OSError as exc:
        return Recording(note=f"The recording cannot be read: {exc.strerror}.")


def chunks(data: bytes, t0_ns: int) -> Iterator[tuple[int, bytes]]:
    """Yield time stamp and bytes of each output event that can be read; the rest is damage or not output."""
    start_ns, header_seen = t0_ns, False
    for raw in data.splitlines():
        try:
            event = json.loads(raw)
            if not header_seen:
                header_seen = True
                start_ns = int(event["bootlab"]["monotonic_start_ns"])
                continue
            seconds, kind, text = event
            t_ns = start_ns + round(float(seconds) * 1e9)
            if kind == "o" and t_ns >= t0_ns - 1000:  # the file's times are whole microseconds
                yield t_ns, text.encode("utf-8", "replace")
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            continue


def _lines(parts: Iterator[tuple[int, bytes]]) -> Iterator[Line]:
    decoder, text, begun_ns, last_ns = ConsoleText(), "", 0, 0
    for t_ns, data in parts:
        last_ns = t_ns
        for token in decoder.feed(data):
            if token == NEWLINE:
                yield Line(begun_ns if text else t_ns, text)
                text = ""
            elif token == ERASE:
                text = text[:-1]
            else:
                begun_ns = begun_ns if text else t_ns
                text = (text + token)[: 4 * LINE_LIMIT]
    yield Line(begun_ns or last_ns, text)


def _repeats(lines: Iterator[Line]) -> Iterator[Line]:
    """Leave blank lines out and join equal ones that follow each other."""
    before: Line | None = None
    for line in lines:
        text = line.text.expandtabs(8).rstrip()
        if not text.strip():
            continue
        text = text if len(text) <= LINE_LIMIT else text[:LINE_LIMIT] + " …"
        if before is not None and before.text == text:
            before = replace(before, times=before.times + 1)
            continue
        if before is not None:
            yield before
        before = Line(line.t_ns, text)
    if before is not None:
        yield before


def _shorten(lines: Iterator[Line]) -> Recording:
    first = list(islice(lines, FIRST_LINES))
    last: deque[Line] = deque(maxlen=LAST_LINES)
    rest = 0
    for line in lines:
        rest += 1
        last.append(line)
    return Recording((*first, *last), rest - len(last), "" if first else "The console said nothing.")
