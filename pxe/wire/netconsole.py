"""netconsole datagrams (Linux, Documentation/networking/netconsole.rst): a kernel's console over UDP.

Plain: the text of the console, cut where a datagram was full. Extended: a header, and long records in
fragments. Firmware that speaks netconsole (Raspberry Pi's EEPROM, U-Boot) sends plain text. Takes any bytes.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from pxe.wire.logline import LogLine, harmless, lines

MAX_UNFINISHED: Final = 4096  # bytes of a line without its end
MAX_RECORD: Final = 8192  # bytes of a record in fragments; the kernel's own limit
MAX_PENDING: Final = 4  # records of one machine that wait for fragments

# [release,]level,number,microseconds,flags[,key=value ...];text
_HEADER: Final = re.compile(
    rb"(?:\d{1,3}\.[^,;\s]{1,64},)?(\d{1,4}),(\d{1,20}),(\d{1,20}),[^,;\s]{1,8}((?:,[^,;\s]{1,64})*);"
)
_FRAGMENT: Final = re.compile(rb",ncfrag=(\d{1,5})/(\d{1,5})(?:,|$)")


@dataclass
class _Record:
    """A record of which fragments came: offset -> bytes."""

    priority: int
    total: int
    parts: dict[int, bytes] = field(default_factory=dict)

    def whole(self) -> bool:
        return sum(map(len, self.parts.values())) >= self.total

    def text(self) -> bytes:
        """What there is, in order; `...` where a fragment is missing."""
        out, at = b"", 0
        for offset, part in sorted(self.parts.items()):
            if offset < at:
                continue
            out += (b"..." if offset > at else b"") + part
            at = offset + len(part)
        return out + (b"..." if at < self.total else b"")


class Assembler:
    """Makes lines of one machine's datagrams. Bounded; `feed` is O(len(data))."""

    def __init__(self) -> None:
        self._unfinished = b""
        self._pending: dict[int, _Record] = {}

    @property
    def waiting(self) -> bool:
        """Whether something came that is no line yet: a line without its end, a record without a fragment."""
        return bool(self._unfinished or self._pending)

    def feed(self, data: bytes) -> list[LogLine]:
        """The lines that `data` completes."""
        header = _HEADER.match(data)
        if header is None:
            return self._plain(data)
        priority, number, body = int(header[1]), int(header[2]), data[header.end() :]
        fragment = _FRAGMENT.search(header[4])
        if fragment is None:
            return _record_lines(priority, number, body)
        return self._fragment(priority, number, int(fragment[1]), int(fragment[2]), body)

    def flush(self) -> list[LogLine]:
        """What came and was never completed, as lines: a panic's last words may lack their end."""
        found = []
        for number in list(self._pending):
            record = self._pending.pop(number)
            found += _record_lines(record.priority, number, record.text())
        rest, self._unfinished = self._unfinished, b""
        return found + [_plain_line(line) for line in lines(rest)]

    def _plain(self, data: bytes) -> list[LogLine]:
        whole, newline, rest = (self._unfinished + data).rpartition(b"\n")
        if len(rest) > MAX_UNFINISHED:
            whole, rest = whole + newline + rest, b""
        self._unfinished = rest
        return [_plain_line(line) for line in lines(whole)]

    def _fragment(self, priority: int, number: int, offset: int, total: int, body: bytes) -> list[LogLine]:
        if not 0 < total <= MAX_RECORD or offset + len(body) > total:
            return _record_lines(priority, number, body)
        found: list[LogLine] = []
        record = self._pending.get(number)
        if record is None or record.total != total:
            if len(self._pending) >= MAX_PENDING:
                oldest = next(iter(self._pending))
                lost = self._pending.pop(oldest)
                found = _record_lines(lost.priority, oldest, lost.text())
            record = self._pending[number] = _Record(priority, total)
        record.parts[offset] = body
        if record.whole() or len(record.parts) > MAX_RECORD // 64:
            del self._pending[number]
            found += _record_lines(priority, number, record.text())
        return found


def _record_lines(priority: int, number: int, body: bytes) -> list[LogLine]:
    """The line of an extended record, if it is not empty: the first, in which the kernel has escaped line
    ends. The lines behind it are the record's dictionary (SUBSYSTEM=, DEVICE=)."""
    line = body.partition(b"\n")[0].rstrip(b"\r\0 ")
    if not line:
        return []
    facility, severity = divmod(priority, 8)
    text = harmless(line)
    return [LogLine(source="netconsole", text=text, severity=severity, facility=facility, number=number)]


def _plain_line(line: bytes) -> LogLine:
    return LogLine(source="netconsole", text=harmless(line))
