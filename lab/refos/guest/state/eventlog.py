"""The last events of a node, numbered since its boot: bounded, and readers need no queue of their own."""

import base64
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.message import Message

_COUNTER_BYTES = 3
_PREFIX_BYTES = 9  # an xid has 12 bytes: time and machine, then a counter


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event. `time` is in seconds on the clock of the node; `payload` is the message's wire form."""

    number: int
    id: str
    time: float
    name: str
    payload: bytes
    actor: str


class EventLog:
    """A ring of `capacity` events. `boot` (9 bytes) tells the ids of one boot from those of another."""

    def __init__(self, boot: bytes, capacity: int = 1000) -> None:
        self._boot = boot[:_PREFIX_BYTES].ljust(_PREFIX_BYTES, b"\0")
        self._ring: deque[Recorded] = deque(maxlen=capacity)
        self.next_number = 0

    def add(self, message: Message, now: float, actor: str = "") -> Recorded:
        """Record a message of package `machine`."""
        name = str(message.DESCRIPTOR.full_name)
        event = Recorded(
            self.next_number, self._id(self.next_number), now, name, message.SerializeToString(), actor
        )
        self._ring.append(event)
        self.next_number += 1
        return event

    def _id(self, number: int) -> str:
        counter = (number & 0xFFFFFF).to_bytes(_COUNTER_BYTES, "big")
        return base64.b32hexencode(self._boot + counter).decode().rstrip("=").lower()

    @property
    def first_number(self) -> int:
        """The oldest that is kept."""
        return self._ring[0].number if self._ring else self.next_number

    def since(self, number: int) -> Iterator[Recorded]:
        """Yield what is kept from that number on."""
        start = max(number - self.first_number, 0)
        return iter([self._ring[index] for index in range(start, len(self._ring))])

    def start_of(self, *, tail: int = 0, after_id: str = "", seconds: float = 0, now: float = 0) -> int:
        """Return the number that a reader starts at: the last `tail` (-1: all), or those after an id.

        Or those of the last `seconds`. An id that is not kept any more, or is of another boot: all.
        """
        if after_id:
            found = next((event.number + 1 for event in self._ring if event.id == after_id), None)
            return self.first_number if found is None else found
        if seconds > 0:
            recent = (event.number for event in self._ring if event.time >= now - seconds)
            return next(recent, self.next_number)
        if tail < 0:
            return self.first_number
        return max(self.next_number - tail, self.first_number)
