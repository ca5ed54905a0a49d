"""What changed since last night: two nights go in, sentences come out. No files, no clocks.

A cell is compared with the newest earlier night in which it was run; its times as lab.matrix.times has it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lab.matrix import times
from lab.matrix.agenda import Ended
from lab.matrix.model import Noticed
from lab.matrix.night import CellNight, Night, Standing
from lab.statistics import Verdict, compare_rates, flake_rate


class Kind(StrEnum):
    """What became of a cell or a place, the bad news first."""

    SICK = "sick"
    FAILING = "failing"
    FLAKY = "flaky"
    SLOWER = "slower"
    NOT_RUN = "not-run"
    BACK = "back"
    FIXED = "fixed"
    FASTER = "faster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. A place as a whole has neither image nor suites. `runs` are those to look at."""

    kind: Kind
    place: str
    sentence: str
    board_type: str = ""
    image: str = ""
    suites: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """All changes, the bad news first. `since`: the night before ("": there is none); `notes`: sentences on
    how the two were compared."""

    since: str
    found: tuple[Change, ...]
    notes: tuple[str, ...] = ()


def changes(tonight: Night, earlier: Sequence[Night], noticed: Noticed) -> Changes:
    """Return what changed. `earlier` are nights of the same matrix, the newest first."""
    last = earlier[0] if earlier else None
    found = list(_places(tonight, last))
    drift, notes = times.host_drift(tonight, earlier, noticed)
    rule = times.rule_of(tonight, noticed)
    notes += times.too_few(tonight, earlier, rule)
    for cell in tonight.cells.values():
        base = times.base_of(cell.cell, earlier)
        told = _standing(cell, base, earlier)
        if told is None and base is not None:
            moved = times.moved(cell, base, rule, noticed, drift if cell.emulated else 1.0, notes)
            told = _in_time(cell, moved) if moved is not None else None
        if told is not None:
            found.append(told)
    merged = _merged(found)
    order = list(Kind)
    merged.sort(key=lambda each: (order.index(each.kind), each.place, each.image))
    return Changes(
        since=last.id if last is not None else "", found=tuple(merged), notes=tuple(dict.fromkeys(notes))
    )


def _places(tonight: Night, last: Night | None) -> Iterator[Change]:
    for place in tonight.places.values():
        before = last.places.get(place.name) if last is not None else None
        was = before.sick if before is not None else ""
        if place.sick and not was:
            yield Change(kind=Kind.SICK, place=place.name, sentence=f"{place.name} is sick: {place.sick}")
        elif was and not place.sick:
            yield Change(
                kind=Kind.BACK, place=place.name, sentence=f"{place.name} is back: it passed its check"
            )


def _standing(cell: CellNight, base: CellNight | None, earlier: Sequence[Night]) -> Change | None:
    """Failing, fixed, flaky, or no longer run; None where the cell stands as it stood."""
    now, was = cell.standing, base.standing if base is not None else None
    if now is Standing.FAILING:
        return None if was is Standing.FAILING else _change(Kind.FAILING, cell, *_why(cell))
    if now is Standing.NOT_RUN:
        if cell.ended is Ended.DEADLINE and was is not None:
            return _change(Kind.NOT_RUN, cell, "did not fit into the deadline")
        return None  # its place is sick, or the night was cut off: said elsewhere
    if was is Standing.FAILING:
        how = "passes again" if now is Standing.PASSED else f"comes up again, {_count(cell)}"
        return _change(Kind.FIXED, cell, how)
    return _flakes(cell, earlier)


def _flakes(cell: CellNight, earlier: Sequence[Night]) -> Change | None:
    """How often the cell fails against all the nights that are known, for a flake has its lucky nights."""
    known = [night.cells[cell.cell].counts for night in earlier if cell.cell in night.cells]
    before = flake_rate(sum(failed for failed, _ in known), sum(judged for _, judged in known))
    now = flake_rate(*cell.counts)
    if not before.n or not now.n:
        return None
    if now.failed and not before.failed:
        return _change(
            Kind.FLAKY, cell, f"is flaky: {_count(cell)}; none of {before.n} before", *_why(cell)[1:]
        )
    verdict, _ = compare_rates(before, now)
    if verdict is Verdict.SLOWER:
        told = f"fails more often: {_count(cell)}; {before.failed} of {before.n} before"
        return _change(Kind.FLAKY, cell, told, *_why(cell)[1:])
    if verdict is Verdict.FASTER:
        told = f"fails less often: {_count(cell)}; {before.failed} of {before.n} before"
        return _change(Kind.FIXED, cell, told)
    return None


def _in_time(cell: CellNight, moved: times.Moved) -> Change:
    kind = Kind.SLOWER if moved.verdict is Verdict.SLOWER else Kind.FASTER
    return _change(kind, cell, f"is {kind.value}: {moved.sentence}", *moved.details)


def _change(kind: Kind, cell: CellNight, told: str, *details: str) -> Change:
    return Change(
        kind=kind,
        place=cell.cell.place,
        board_type=cell.board_type,
        image=cell.cell.image,
        suites=(cell.cell.suite,),
        sentence=told,
        details=details,
        runs=tuple(folder.name for folder in cell.folders),
    )


def _why(cell: CellNight) -> list[str]:
    """The sentence of the change, and up to three causes with how often each was seen."""
    if cell.tests is not None:
        count = len(cell.tests.failed)
        told = f"fails: {count} test{'s' if count != 1 else ''}"
        return [told, *(f"{name}: {why}" for name, why in list(cell.tests.failed.items())[:3])]
    failures = [record.failure for record in cell.boots if record.failure is not None]
    causes: dict[str, list[str]] = {}
    for failure in failures:
        causes.setdefault(failure.cause.value, []).append(failure.sentence)
    told = f"fails: {_count(cell)}"
    return [told, *(f"{cause} ({len(said)}): {said[0]}" for cause, said in list(causes.items())[:3])]


def _count(cell: CellNight) -> str:
    failed, judged = cell.counts
    return f"{failed} of {judged} boots failed"


def _merged(found: Sequence[Change]) -> list[Change]:
    """Suites of one place and image that changed alike are one change."""
    groups: dict[tuple[Kind, str, str], list[Change]] = {}
    for each in found:
        groups.setdefault((each.kind, each.place, each.image), []).append(each)
    return [_one(group) for group in groups.values()]


def _one(group: Sequence[Change]) -> Change:
    first = group[0]
    if not first.image:
        return first
    suites = tuple(each.suites[0] for each in group)
    sentence = f"{first.image} on {first.place} ({', '.join(suites)}) {first.sentence}"
    others = [f"{each.suites[0]}: {each.sentence}" for each in group[1:]]
    details = tuple(dict.fromkeys((*first.details, *others)))
    runs = tuple(name for each in group for name in each.runs)
    return replace(first, suites=suites, sentence=sentence, details=details, runs=runs)


def summary(tonight: Night) -> Mapping[Standing, int]:
    """How many cells stand how."""
    standings = [cell.standing for cell in tonight.cells.values()]
    return {standing: standings.count(standing) for standing in Standing}
