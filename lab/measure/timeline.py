"""One boot joined from power, wire and console: build the Timeline, cut it into stages."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from lab.model import Milestone, Timeline, TransferSpan
from lab.store.codec import from_json, to_json
from pxe.events import DhcpReceived, Event, TransferEnded, TransferStarted

__all__ = ["POWER_ON", "Stage", "build_timeline", "first_round", "from_json", "stages", "to_json"]

POWER_ON = "power-on"  # the name of the instant `t0_ns`


@dataclass(frozen=True, slots=True)
class Stage:
    """The time between two milestones that follow each other; `start` of the first is POWER_ON."""

    start: str
    end: str
    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end_ns - self.start_ns) / 1e9


def build_timeline(
    t0_ns: int,
    milestones: Iterable[Milestone],
    events: Iterable[Event] = (),
    *,
    mac: str | None = None,
    end_ns: int | None = None,
) -> Timeline:
    """Join what was seen of the boot that began at `t0_ns` into one record, everything in time order.

    `events` are the boot service's, of any machine; those of `mac` count (None: all). What happened before
    power-on belongs to an earlier boot and is left out. `end_ns` is when the lab stopped looking; default:
    the last thing seen. A transfer that never ended is `stalled` where the board itself shows that it gave
    it up (it asked for the same file again, or went back to DHCP), otherwise `running`.
    """
    seen = sorted((m for m in milestones if m.t_ns >= t0_ns), key=lambda m: m.t_ns)
    ours = sorted(
        (e for e in events if e.t_ns >= t0_ns and (mac is None or e.mac == mac)), key=lambda e: e.t_ns
    )
    last = max([t0_ns, *(m.t_ns for m in seen), *(e.t_ns for e in ours)])
    end = last if end_ns is None else end_ns
    spans = _transfers(ours, t0_ns, end)
    return Timeline(t0_ns=t0_ns, milestones=tuple(seen), transfers=tuple(spans), end_ns=end)


def stages(timeline: Timeline) -> tuple[Stage, ...]:
    """Return the stages of one boot: power-on to the first milestone, then from each to the next.

    A later DHCP round (`dhcp#2`) lies inside whatever stage it falls into and does not cut it.
    """
    result, start, start_ns = [], POWER_ON, timeline.t0_ns
    for milestone in first_round(timeline.milestones):
        result.append(Stage(start, milestone.name, start_ns, milestone.t_ns))
        start, start_ns = milestone.name, milestone.t_ns
    return tuple(result)


def first_round(milestones: Iterable[Milestone]) -> tuple[Milestone, ...]:
    """Return the milestones without those of later DHCP rounds."""
    return tuple(m for m in milestones if "#" not in m.name)


def _transfers(events: list[Event], t0_ns: int, end_ns: int) -> list[TransferSpan]:
    started: dict[str, TransferStarted] = {}
    spans: list[TransferSpan] = []
    for event in events:
        if isinstance(event, TransferStarted):
            started[event.transfer] = event
        elif isinstance(event, TransferEnded) and event.t_ns - event.duration_ns >= t0_ns:
            spans.append(_ended(started.pop(event.transfer, None), event))
    spans += [_unfinished(start, events, end_ns) for start in started.values()]
    return sorted(spans, key=lambda span: span.start_ns)


def _ended(start: TransferStarted | None, end: TransferEnded) -> TransferSpan:
    return TransferSpan(
        protocol=end.protocol,
        name=end.name,
        start_ns=start.t_ns if start else end.t_ns - end.duration_ns,
        end_ns=end.t_ns,
        size=end.size,
        sent=end.sent,
        repeated=end.repeated,
        outcome=end.outcome,
        options=dict(start.options) if start else {},
    )


def _unfinished(start: TransferStarted, events: list[Event], end_ns: int) -> TransferSpan:
    given_up = next((e.t_ns for e in events if e.t_ns > start.t_ns and _gives_up(e, start)), None)
    running = TransferSpan(
        protocol=start.protocol,
        name=start.name,
        start_ns=start.t_ns,
        end_ns=max(end_ns, start.t_ns),
        size=start.size,
        sent=0,
        outcome="running",
        options=dict(start.options),
    )
    return running if given_up is None else dataclasses.replace(running, end_ns=given_up, outcome="stalled")


def _gives_up(event: Event, start: TransferStarted) -> bool:
    """Whether the board, by doing this, shows that it no longer waits for that transfer."""
    if event.mac != start.mac:
        return False
    if isinstance(event, TransferStarted):
        return event.name == start.name and event.protocol == start.protocol
    return isinstance(event, DhcpReceived) and event.message == "DISCOVER"
