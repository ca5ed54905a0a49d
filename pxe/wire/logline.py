"""A line of a machine's log, and text off the wire made harmless for terminals, files and pages."""

import re
from dataclasses import dataclass

MAX_TEXT = 2048  # characters kept of a line; RFC 5424 section 6.1 asks for as much

# Controls (C0, DEL, C1) could drive a terminal; the others turn the direction of text or break lines.
_HARMFUL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line that a machine said. `source` is syslog, netconsole, or what a
    program that relays calls it (kmsg, event); `severity` 0 (emergency) to 7 (debug)
    and `facility` as in RFC 5424 section 6.2.1, None where the machine did not say. `app` is the program,
    `number` the kernel's own count of its records.
    """

    source: str
    text: str
    severity: int | None = None
    facility: int | None = None
    app: str = ""
    number: int | None = None


def harmless(data: bytes) -> str:
    """Return `data` as text of one line: what is not UTF-8 as U+FFFD, the harmful as \\xNN or \\uNNNN."""
    text = data.decode("utf-8", errors="replace")[: MAX_TEXT + 1]
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 1] + "…"
    return _HARMFUL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def lines(data: bytes) -> list[bytes]:
    """Return the lines of `data` that are not empty, without their ends (CR, LF, NUL)."""
    found = (line.rstrip(b"\r\0 ") for line in data.split(b"\n"))
    return [line for line in found if line]
