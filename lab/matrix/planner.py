"""How long a night will take, and what does not fit: a rehearsal of it with estimates. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.matrix.agenda import Agenda, Ended, steps_of
from lab.matrix.model import Cell, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected: seconds for the whole night, and for each place; `steps` that each cell gets.

    `measured` are the cells whose estimate is of an earlier night; of the others it is a guess.
    """

    seconds: float
    places: dict[str, float]
    steps: dict[Cell, int]
    estimates: dict[Cell, float]
    measured: frozenset[Cell]
    cut: dict[Cell, int] = field(default_factory=dict)  # boots that do not fit into the deadline


def forecast(
    tasks: Sequence[Task], measured: Mapping[Cell, float], emulators: int, deadline: float | None
) -> Forecast:
    """Rehearse the night: places run beside each other, but at most `emulators` emulated ones at once.

    `measured` are seconds a step from earlier nights.
    """
    by_place: dict[str, list[Task]] = {}
    for task in tasks:
        by_place.setdefault(task.cell.place, []).append(task)
    agendas = {place: Agenda(mine, measured) for place, mine in by_place.items()}
    emulated = {place: mine[0].emulated for place, mine in by_place.items()}
    ends = dict.fromkeys(agendas, 0.0)
    slots = [0.0] * max(emulators, 1)
    active = set(agendas)
    while active:
        place = min(sorted(active), key=lambda name: ends[name])
        slot = slots.index(min(slots)) if emulated[place] else None
        begin = ends[place] if slot is None else max(ends[place], slots[slot])
        step = agendas[place].next(None if deadline is None else deadline - begin)
        if step is None:
            agendas[place].end(Ended.DEADLINE)
            active.remove(place)
            continue
        cell = step.task.cell
        ends[place] = begin + agendas[place].estimate(cell)
        agendas[place].settle(cell, agendas[place].estimate(cell), ready=True)
        if slot is not None:
            slots[slot] = ends[place]
    settled = {c: p.settled for agenda in agendas.values() for c, p in agenda.progress.items()}
    missing = {t.cell: n for t in tasks if (n := steps_of(t) - settled[t.cell])}
    estimates = {c: a.estimate(c) for a in agendas.values() for c in a.tasks}
    return Forecast(
        seconds=max(ends.values(), default=0.0),
        places=ends,
        steps=settled,
        estimates=estimates,
        measured=frozenset(measured) & frozenset(settled),
        cut=missing,
    )
