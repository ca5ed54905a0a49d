"""The last lines that each service of a node said, bounded."""

from collections import deque
from collections.abc import Iterable

from lab.refos.guest.broadcast import Broadcast

_LINE = 4096  # characters


class LogBook:
    """`capacity` lines for each service; lines are numbered, so that a reader needs no queue of its own."""

    def __init__(self, capacity: int = 1000) -> None:
        self._capacity = capacity
        self._lines: dict[str, deque[tuple[int, str]]] = {}
        self._next: dict[str, int] = {}
        self.changed = Broadcast()

    @property
    def services(self) -> Iterable[str]:
        """Who has said something."""
        return self._lines.keys()

    def add(self, service: str, line: str) -> None:
        """Note a line."""
        number = self._next.get(service, 0)
        self._lines.setdefault(service, deque(maxlen=self._capacity)).append((number, line[:_LINE]))
        self._next[service] = number + 1
        self.changed.notify()

    def start_of(self, service: str, tail: int) -> int:
        """Return the number of the line that a reader of the last `tail` lines starts at; -1: all."""
        kept = self._lines.get(service, ())
        end = self._next.get(service, 0)
        return end - (len(kept) if tail < 0 else min(tail, len(kept)))

    def since(self, service: str, number: int) -> list[tuple[int, str]]:
        """Return (number, line) from there on, as far as they are kept."""
        return [entry for entry in self._lines.get(service, ()) if entry[0] >= number]
