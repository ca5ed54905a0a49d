"""Syslog datagrams (RFC 5424, and RFC 3164 as senders really write it): bytes in, lines out.

Nothing is refused: what follows no RFC is text (RFC 3164 section 4.3.3). The sender's clock and host name are
not used: a booting board has neither right, and who sent it is told by its address.
"""

import re
from typing import Final

from pxe.wire.logline import LogLine, harmless, lines

MAX_DATAGRAM: Final = 8192
_USER_NOTICE: Final = 13  # the priority of a message without one, RFC 3164 section 4.3.3
_MAX_PRIORITY: Final = 191
_MAX_APP: Final = 48  # RFC 5424 section 6

_PRIORITY: Final = re.compile(rb"<(\d{1,3})>")
_RFC5424: Final = re.compile(rb"1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) ")
# Structured data, section 6.3: `-`, or elements like [id name="value"] with \" \\ \] in values.
_ELEMENT: Final = rb'\[[^ =\]"]{1,32}(?: [^ =\]"]{1,32}="(?:[^"\\\]]|\\.)*")*\]'
_DATA: Final = re.compile(rb"(?:-|(?:" + _ELEMENT + rb")+)(?: |$)", re.DOTALL)
_BOM: Final = b"\xef\xbb\xbf"
_TIME: Final = re.compile(
    rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?"
    rb"|\d{4}-\d\d-\d\dT[\d:.]{8,18}(?:Z|[+-]\d\d:\d\d))\s+"
)
_TAG: Final = rb"([^\s:\[<]{1,48})(?:\[[^\]\s]{0,20}\])?:(?: |$)"
# busybox leaves the host out, util-linux and RFC 3164 write it
_HOST_AND_TAG: Final = re.compile(rb"(?:[^\s:\[]{1,255} +)?" + _TAG)
_TAG_ONLY: Final = re.compile(_TAG)


def parse_syslog(data: bytes) -> list[LogLine]:
    """Return the lines of one datagram; an empty one has none. Takes any bytes."""
    rest = data[:MAX_DATAGRAM].rstrip(b"\r\n\0")
    priority = _USER_NOTICE
    found = _PRIORITY.match(rest)
    if found is not None and int(found[1]) <= _MAX_PRIORITY:
        priority, rest = int(found[1]), rest[found.end() :]
    app, text = _modern(rest) or _classic(rest)
    facility, severity = divmod(priority, 8)
    name = harmless(app[:_MAX_APP])
    return [
        LogLine(source="syslog", text=harmless(line), severity=severity, facility=facility, app=name)
        for line in lines(text)
    ]


def _modern(rest: bytes) -> tuple[bytes, bytes] | None:
    """Program and text of an RFC 5424 message; None where it is none."""
    head = _RFC5424.match(rest)
    if head is None:
        return None
    text = rest[head.end() :]
    if (data := _DATA.match(text)) is not None:
        text = text[data.end() :]
    app = b"" if head[3] == b"-" else head[3]
    return app, text.removeprefix(_BOM)


def _classic(rest: bytes) -> tuple[bytes, bytes]:
    """Program and text of an RFC 3164 message; all of it is text where no program is named."""
    time = _TIME.match(rest)
    if time is not None:
        rest = rest[time.end() :]
    tag = (_HOST_AND_TAG if time is not None else _TAG_ONLY).match(rest)
    return (tag[1], rest[tag.end() :]) if tag is not None else (b"", rest)
