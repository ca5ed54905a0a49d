"""Finding patterns in a stream of bytes: pure, no socket, thread or clock.

The rule, whatever way the stream was cut: a match is reported at the first byte that completes any pattern;
where several end there, the one that began first wins, then the one named first. Matches do not overlap.
This only holds for patterns of bounded length that look at nothing after themselves, so others are refused.
"""

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lab.errors import UsageError

MAX_WIDTH = 4096  # bytes a pattern may match: the window that is searched again for every chunk

_parser: Any = importlib.import_module("re._parser")  # the width of an expression is known nowhere else
_LOOKS_AHEAD = frozenset(
    {"ASSERT", "ASSERT_NOT", "ATOMIC_GROUP", "POSSESSIVE_REPEAT", "AT_END", "AT_END_STRING"}
    | {"AT_BOUNDARY", "AT_NON_BOUNDARY", "AT_BEGINNING_STRING", "GROUPREF_EXISTS"}
)


@dataclass(frozen=True, slots=True)
class Match:
    """What was found. `start` and `end` are offsets in the stream fed; `t_ns` is the stamp of the chunk that
    completed it; `before` is what came between the last match and this one, where the giver knows it.
    """

    pattern: str
    t_ns: int
    start: int
    end: int
    data: bytes
    groups: tuple[bytes | None, ...] = ()
    before: bytes = b""

    @property
    def text(self) -> str:
        """The bytes as text; what is not UTF-8 becomes U+FFFD."""
        return self.data.decode(errors="replace")


class Pattern:
    """A named regular expression over bytes. `^` is the beginning of a line.

    Raises UsageError where it is not bounded, can be empty, or looks ahead.
    """

    def __init__(self, name: str, expression: bytes | str) -> None:
        source = expression.encode() if isinstance(expression, str) else expression
        self.name = name
        try:
            tree = _parser.parse(source, re.MULTILINE)
            self.regex = re.compile(source, re.MULTILINE)
        except re.error as error:
            raise UsageError(f"pattern {name!r}: {error}") from error
        low, high = tree.getwidth()
        self.width = int(high)
        if self.width > MAX_WIDTH:
            raise UsageError(f"pattern {name!r}: give every repetition a limit, such as [^\\n]{{0,200}}")
        if not low:
            raise UsageError(f"pattern {name!r} matches nothing at all, which is everywhere")
        if forbidden := sorted(_LOOKS_AHEAD.intersection(_operations(tree))):
            raise UsageError(f"pattern {name!r} looks outside of what it matches ({', '.join(forbidden)})")

    def __repr__(self) -> str:
        return f"Pattern({self.name!r}, {self.regex.pattern!r})"


def _operations(node: Any) -> set[str]:
    """The names of all operations in a parsed expression."""
    if isinstance(node, (tuple, list)) or hasattr(node, "data"):
        return set().union(*(_operations(child) for child in getattr(node, "data", node)))
    return {str(node)} if hasattr(node, "name") else set()


class Expect:
    """Feed it chunks, get matches. `previous` is the byte before the first one: it decides whether the first
    byte begins a line.
    """

    def __init__(self, patterns: Iterable[Pattern], previous: bytes = b"\n") -> None:
        self._patterns: Sequence[Pattern] = tuple(patterns)
        if not self._patterns:
            raise UsageError("expect needs at least one pattern")
        self._width = max(p.width for p in self._patterns)
        self._window = bytearray(previous[-1:] or b"\n")
        self._base = -1  # offset in the stream of the window's first byte
        self._floor = 1  # index in the window where the next match may begin

    def feed(self, t_ns: int, data: bytes) -> list[Match]:
        """All matches that `data` completes, in order."""
        seen = len(self._window)  # no match ends at or before this index
        self._window += data
        matches = []
        while (found := self._earliest(seen)) is not None:
            pattern, hit = found
            seen = self._floor = hit.end()
            start, end = self._base + hit.start(), self._base + hit.end()
            matches.append(Match(pattern.name, t_ns, start, end, bytes(hit[0]), _groups(hit)))
        self._trim()
        return matches

    def _earliest(self, seen: int) -> tuple[Pattern, re.Match[bytes]] | None:
        best: tuple[Pattern, re.Match[bytes]] | None = None
        limit = len(self._window)
        for pattern in self._patterns:
            low = max(self._floor, seen + 1 - pattern.width)
            if (hit := pattern.regex.search(self._window, low, limit)) is None:
                continue
            hit = self._shortest(pattern, low, seen, hit)
            if best is None or (hit.end(), hit.start()) < (best[1].end(), best[1].start()):
                best = pattern, hit
            limit = best[1].end()
        return best

    def _shortest(self, pattern: Pattern, low: int, seen: int, hit: re.Match[bytes]) -> re.Match[bytes]:
        """The match that would have been found had the bytes come one at a time: the first end at which
        there is any. Whether there is one only ever turns from no to yes as bytes come, so halve.
        """
        no, yes = seen, hit.end()
        while yes - no > 1:
            middle = (no + yes) // 2
            shorter = pattern.regex.search(self._window, low, middle)
            if shorter is None:
                no = middle
            else:
                hit, yes = shorter, shorter.end()
        return hit

    def _trim(self) -> None:
        """Keep what a match still to come may begin with, and one byte before it for `^`."""
        cut = min(max(self._floor, len(self._window) + 1 - self._width), len(self._window)) - 1
        if cut > 0:
            del self._window[:cut]
            self._base += cut
            self._floor = max(self._floor - cut, 1)


def _groups(hit: re.Match[bytes]) -> tuple[bytes | None, ...]:
    return tuple(None if g is None else bytes(g) for g in hit.groups())
