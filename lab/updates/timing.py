"""How long updates took, from the record alone: no agent, no console, only what nodes told the servers.

Flatcar, between events of update_engine: granted > downloading > downloaded > installed > complete. The last
stage holds the wait before the reboot (5 minutes by default), the reboot, and the wait of update_engine
before its first check (7 minutes, give or take 5). A rollback is `installed > rolled_back`.

Fedora CoreOS: offered > locked (download, staging, waiting for a slot) and locked > unlocked: Zincati locks
right before the reboot and unlocks at its start, so this is the reboot itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.measure.statistics import Summary, summarise
from lab.updates.kinds import Kind
from lab.updates.record import Told

_ENDS = {Kind.COMPLETE, Kind.FAILED, Kind.ROLLED_BACK, Kind.TIMED_OUT, Kind.LEFT}
_LOCK_ENDS = {Kind.UNLOCKED: "returned", Kind.EXPIRED: "lost", Kind.FREED: "freed"}
TOTAL = "total"


@dataclass(slots=True)
class Attempt:
    """One update of one node. `marks`: kind of event -> seconds since 1970, in the order of time.

    `outcome`: complete, failed, rolled_back, timed_out; updated, returned (not another version after the
    reboot), lost, freed; open where it is not over.
    """

    group: str
    node: str
    version: str = ""
    outcome: str = "open"
    marks: dict[str, float] = field(default_factory=dict)

    def stages(self) -> dict[str, float]:
        """Seconds of each stage, `FROM > TO`, and of the whole."""
        names, times = list(self.marks), list(self.marks.values())
        found = {f"{names[n]} > {names[n + 1]}": times[n + 1] - times[n] for n in range(len(names) - 1)}
        if len(names) > 1:
            found[TOTAL] = times[-1] - times[0]
        return found

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        stages = {name: round(seconds, 3) for name, seconds in self.stages().items()}
        return {
            "group": self.group,
            "node": self.node,
            "version": self.version,
            "outcome": self.outcome,
            "began": next(iter(self.marks.values()), None),
            "seconds": stages,
        }


def attempts(events: Iterable[Told]) -> Iterator[Attempt]:
    """Put events together; attempts come in the order of their ends, those that are not over at last."""
    reader = _Reader()
    for event in events:
        yield from reader.read(event)
    yield from reader.rest()


def statistics(found: Iterable[Attempt]) -> dict[tuple[str, str, str], Summary]:
    """Summaries of seconds by group, outcome and stage, of what is over."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for attempt in found:
        if attempt.outcome != "open":
            for stage, seconds in attempt.stages().items():
                values.setdefault((attempt.group, attempt.outcome, stage), []).append(seconds)
    return {key: summarise(seconds) for key, seconds in values.items()}


class _Reader:
    def __init__(self) -> None:
        self._omaha: dict[tuple[str, str], Attempt] = {}
        self._offers: dict[str, tuple[float, str]] = {}
        self._locked: dict[tuple[str, str], Attempt] = {}
        self._back: dict[str, Attempt] = {}  # rebooted; the next graph query says with which version

    def read(self, event: Told) -> Iterator[Attempt]:
        protocol = event.group.partition("/")[0]
        if event.node and protocol == "omaha":
            yield from self._of_omaha(event)
        elif event.node and protocol == "cincinnati":
            self._of_graph(event)
        elif event.node and protocol == "fleetlock":
            yield from self._of_lock(event)

    def rest(self) -> Iterator[Attempt]:
        yield from self._back.values()
        yield from self._locked.values()
        yield from self._omaha.values()

    def _of_omaha(self, event: Told) -> Iterator[Attempt]:
        key = event.group, event.node
        if event.kind == Kind.GRANTED:
            self._omaha[key] = Attempt(*key, version=str(event.detail.get("version", "")))
        attempt = self._omaha.get(key)
        if attempt is None:
            return
        if event.kind == Kind.RETARGETED:
            attempt.version = str(event.detail.get("version", ""))
        elif event.kind != Kind.HELD:
            attempt.marks.setdefault(event.kind, event.at)
        if event.kind in _ENDS:
            attempt.outcome = event.kind
            yield self._omaha.pop(key)

    def _of_graph(self, event: Told) -> None:
        if event.kind == Kind.OFFERED:
            self._offers[event.node] = event.at, str(event.detail.get("version", ""))
        elif event.kind == Kind.UPDATED and event.node in self._back:
            self._back[event.node].outcome = "updated"
            self._back[event.node].version = str(event.detail.get("version", ""))

    def _of_lock(self, event: Told) -> Iterator[Attempt]:
        key = event.group, event.node
        if event.kind == Kind.LOCKED:
            if event.node in self._back:
                yield self._back.pop(event.node)
            attempt = self._locked[key] = Attempt(*key)
            if event.node in self._offers:
                attempt.marks[Kind.OFFERED], attempt.version = self._offers.pop(event.node)
            attempt.marks[Kind.LOCKED] = event.at
        elif event.kind in _LOCK_ENDS and key in self._locked:
            attempt = self._locked.pop(key)
            attempt.outcome = _LOCK_ENDS[Kind(event.kind)]
            attempt.marks[event.kind] = event.at
            self._back[event.node] = attempt
