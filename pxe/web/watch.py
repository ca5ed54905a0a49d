"""What the page watches, as a feed of `pxe.web.streams`: boots as they change, how far their transfers are,
and that machines, plans or results changed.

Nothing is made while nobody watches; what is made is made once for all who do.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from pxe.boot.catalogue import Catalogue
from pxe.boot.record import Boot
from pxe.boot.record_json import BootReply
from pxe.boots import Boots
from pxe.stalls import shown

_SAMPLE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """Something else than a boot: the event's name and its data."""

    event: str
    data: dict[str, Any]


Item = Boot | Told


class Watch:
    """The feed. `sent` tells the bytes sent of each transfer under way, by its name in the events."""

    def __init__(
        self,
        boots: Boots,
        catalogue: Catalogue,
        sent: Callable[[], dict[str, int]],
        closed: Callable[[], bool] = lambda: False,
        results: Callable[[], int] = lambda: 0,
    ) -> None:
        self.boots, self._catalogue = boots, catalogue
        self._sent, self._closed, self._results = sent, closed, results
        self._sampled = 0.0
        self._snapshot = catalogue.snapshot
        self._wall_ns = time.time_ns() - time.monotonic_ns()
        self._read = results()
        self._newest: dict[str, tuple[int, Told]] = {}  # by event, each with its number

    @property
    def closed(self) -> bool:
        """Whether the service is about to end."""
        return self._closed()

    def newest(self) -> int:
        """The number of the last change."""
        return self.boots.newest()

    def since(self, seq: int) -> list[tuple[int, Item]]:
        """What changed after `seq`, each with its number. To be called from one thread."""
        self._look()
        found, _ = self.boots.since(seq)
        items: list[tuple[int, Item]] = [(boot.version, boot) for boot in found]
        items += [(n, item) for n, item in self._newest.values() if n > seq]
        return sorted(items, key=lambda item: item[0])

    def encode(self, page: Iterable[tuple[int, Item]]) -> bytes:
        """Return `page` as a stream has it."""
        return "".join(_frame(number, *self._said(item)) for number, item in page).encode()

    def shown(self, boot: Boot) -> BootReply:
        """The boot as the API shows it."""
        machine = self._catalogue.snapshot.machines.get(boot.mac)
        name = machine.name if machine is not None else ""
        return shown(boot, now_ns=time.monotonic_ns(), wall_ns=self._wall_ns, name=name)

    def measure(self) -> dict[str, int]:
        """Bring the records up to date with the transfers under way; return those that moved."""
        return self.boots.advance(self._sent())

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._sampled < _SAMPLE_SECONDS:
            return
        self._sampled = now
        self.boots.tick()
        moved = self.measure()
        if moved:
            self._tell("progress", moved)
        if self._catalogue.snapshot is not self._snapshot:
            self._snapshot = self._catalogue.snapshot
            self._tell("changed", {})
        if (read := self._results()) != self._read:
            self._read = read
            self._tell("results", {})

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        self._newest[event] = self.boots.take_number(), Told(event, data)

    def _said(self, item: Item) -> tuple[str, Any]:
        if isinstance(item, Boot):
            return "boot", self.shown(item)
        return item.event, item.data


def _frame(number: int, event: str, data: Any) -> str:
    return f"id: {number}\nevent: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
