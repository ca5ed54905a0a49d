"""The boots of all machines, told from the events: a sink of `pxe.eventlog.follow` that others read.

Bounded: a machine keeps its last boots, and machines that nobody told us of share a few places, so that a
flood of invented MACs drives out none of ours. Each change of a boot gets a number, and a reader asks for
what changed since the last number that it has seen.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pxe.boot.record import Before, Boot, PlanOf, State
from pxe.events import DhcpReceived, Event, TransferEnded, TransferStarted

PER_MACHINE: Final = 8
KNOWN: Final = 2000  # boots of machines that we know, some 6 KB each
STRANGERS: Final = 200


class Boots:
    """All boots that are kept. Any thread may call any method."""

    def __init__(
        self, plan_of: PlanOf, is_known: Callable[[str], bool], *, now_ns: Callable[[], int], start: int = 0
    ) -> None:
        """`plan_of` and `is_known` tell of machines by MAC; `now_ns` reads CLOCK_MONOTONIC. Changes are
        numbered from `start` on: let it rise over restarts, and an old reader is told all anew."""
        self._plan_of, self._is_known, self._now = plan_of, is_known, now_ns
        self._first = self._version = start
        self._shelves: dict[bool, OrderedDict[str, Boot]] = {True: OrderedDict(), False: OrderedDict()}
        self._of: dict[str, deque[Boot]] = {}  # by MAC, the newest last
        self._moving: dict[str, Boot] = {}  # by transfer under way
        self._going: dict[str, State] = {}  # boots whose state may change by time alone, with what it was
        self._changed = threading.Condition()
        self._closed = False

    def follow(self, page: Sequence[tuple[int, Event]]) -> None:
        """Take in what happened."""
        with self._changed:
            before = self._version
            for seq, event in page:
                if event.mac is not None:
                    self._take(seq, event.mac, event)
            self._note_time()
            if self._version != before:
                self._changed.notify_all()

    def advance(self, sent: Mapping[str, int]) -> dict[str, int]:
        """Take in how far the transfers under way are, in bytes; return those that moved. Not a change: no
        reader of `since` is woken up for it."""
        with self._changed:
            now, moved = self._now(), {}
            for transfer, count in sent.items():
                boot = self._moving.get(transfer)
                if boot is None or not boot.advance(transfer, count, now):
                    continue
                moved[transfer] = count
                if boot.ident not in self._going:  # it had stalled
                    self._touch(boot)
            return moved

    def tick(self) -> None:
        """Notice boots that say nothing more. Call it every second or so."""
        self.follow(())

    def since(self, version: int, wait_seconds: float = 0.0) -> tuple[list[Boot], int]:
        """Return the boots that changed after `version`, the one that changed first first, and the newest
        version; waits for a change. 0, or a number that is not of this log: all."""
        with self._changed:
            if not self._first <= version <= self._version:
                version = 0
            self._changed.wait_for(lambda: self._closed or self._version > version, wait_seconds)
            found: list[Boot] = []
            for shelf in self._shelves.values():
                for boot in reversed(shelf.values()):
                    if boot.version <= version:
                        break
                    found.append(boot)
            return sorted(found, key=lambda boot: boot.version), self._version

    def newest(self) -> int:
        """The number of the last change: pass it to `since` to hear only of what comes."""
        with self._changed:
            return self._version

    def take_number(self) -> int:
        """Return a number for a change that is none of a boot, among those of the boots."""
        with self._changed:
            self._version += 1
            return self._version

    def of(self, mac: str) -> list[Boot]:
        """The boots of a machine, the newest first."""
        with self._changed:
            return list(reversed(self._of.get(mac, ())))

    def get(self, ident: str) -> Boot | None:
        """The boot of that id; None where it is not kept."""
        with self._changed:
            return self._shelves[True].get(ident) or self._shelves[False].get(ident)

    def close(self) -> None:
        """Let all who wait go, now and from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, seq: int, mac: str, event: Event) -> None:
        boots = self._of.get(mac)
        boot = boots[-1] if boots else None
        if isinstance(event, TransferEnded):  # it may have begun in the boot before
            boot = self._moving.pop(event.transfer, boot)
        elif boot is None or (isinstance(event, DhcpReceived) and boot.is_followed_by(event)):
            boot = self._begin(seq, mac, event, boot)
        if boot is None:
            return
        if isinstance(event, TransferStarted):
            self._moving[event.transfer] = boot
        boot.take(seq, event)
        self._touch(boot)

    def _begin(self, seq: int, mac: str, event: Event, last: Boot | None) -> Boot | None:
        if not _begins(event):
            return None
        known = self._is_known(mac)
        boot = Boot(str(seq), mac, event.t_ns, seq, self._plan_of, known)
        if last is not None:
            boot.previous = self._before(last)
        shelf = self._shelves[known]
        shelf[boot.ident] = boot
        self._of.setdefault(mac, deque()).append(boot)
        if len(self._of[mac]) > PER_MACHINE:
            self._drop(self._of[mac][0])
        if len(shelf) > (KNOWN if known else STRANGERS):
            self._drop(next(iter(shelf.values())))
        return boot

    def _before(self, last: Boot) -> Before | None:
        state = last.state(self._now())
        if state is State.DONE:
            return None
        times = last.previous.times if last.previous is not None else 0
        return Before(last.ident, state, last.sentence(), times + 1)

    def _drop(self, boot: Boot) -> None:
        del self._shelves[boot.known][boot.ident]
        self._going.pop(boot.ident, None)
        for transfer in [t for t, mover in self._moving.items() if mover is boot]:
            del self._moving[transfer]
        boots = self._of[boot.mac]
        boots.remove(boot)
        if not boots:
            del self._of[boot.mac]

    def _touch(self, boot: Boot) -> None:
        shelf = self._shelves[boot.known]
        if boot.ident not in shelf:
            return
        self._version += 1
        boot.version = self._version
        shelf.move_to_end(boot.ident)
        state = boot.state(self._now())
        if state is State.BOOTING:
            self._going[boot.ident] = state
        else:
            self._going.pop(boot.ident, None)

    def _note_time(self) -> None:
        now = self._now()
        for ident in list(self._going):
            boot = self._shelves[True].get(ident) or self._shelves[False][ident]
            if boot.state(now) is not State.BOOTING:
                self._touch(boot)


def _begins(event: Event) -> bool:
    """Whether a machine's first event begins a boot: firmware asks, or it fetches something."""
    if isinstance(event, DhcpReceived):
        return event.firmware not in ("os", "unknown") and event.message in ("DISCOVER", "REQUEST")
    return isinstance(event, TransferStarted) and not event.upload
