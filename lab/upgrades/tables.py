"""How long upgrades took, as the tables that docs/upgrades.md has (Markdown). Pure."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from lab.model import Timeline
from lab.upgrades.faults import CLASSES, Ending
from lab.upgrades.system import READY, REQUEST

_OPERATIONS = ("upgrade", "rollback", "config")


def tables(
    done: Mapping[str, Sequence[Timeline]],
    failed: Mapping[str, Sequence[Timeline]],
    titles: Mapping[str, str],
) -> list[str]:
    """Lines of one table of stages and one of failure classes, for those of them that ran.

    `done`: the timelines of each operation; `failed`: of each failure class; `titles`: of milestones, in
    their order.
    """
    operations = [name for name in _OPERATIONS if done.get(name)]
    classes = [name for name in CLASSES if failed.get(name)]
    lines = list(_stages(done, operations, titles)) if operations else []
    return (
        lines
        + ([""] if operations and classes else [])
        + (list(_classes(failed, classes)) if classes else [])
    )


def _stages(
    done: Mapping[str, Sequence[Timeline]], names: Sequence[str], titles: Mapping[str, str]
) -> Iterator[str]:
    yield f"| seconds since the request | {' | '.join(f'{name}, {len(done[name])} runs' for name in names)} |"
    yield f"|---|{'---|' * len(names)}"
    for stage, title in titles.items():
        cells = [_statistics(_since_request(done[name], stage)) for name in names]
        if stage != REQUEST and any(cells):
            yield f"| {title} | {' | '.join(cells)} |"


def _classes(done: Mapping[str, Sequence[Timeline]], names: Sequence[str]) -> Iterator[str]:
    yield "| class | what is wrong | ends | runs | request to the old version ready, s |"
    yield "|---|---|---|---|---|"
    for name in names:
        found, seconds = CLASSES[name], _since_request(done[name], READY)
        back = "never by itself" if found.ending is Ending.NOT_NOTICED else "did not come back"
        cells = (f"`{name}`", found.title, found.ending, str(len(done[name])), _statistics(seconds) or back)
        yield f"| {' | '.join(cells)} |"


def _since_request(timelines: Sequence[Timeline], stage: str) -> list[float]:
    """Seconds from the request to a stage, of the timelines that have both."""
    found = []
    for timeline in timelines:
        times = {m.name: m.t_ns for m in timeline.milestones}
        if REQUEST in times and stage in times:
            found.append((times[stage] - times[REQUEST]) / 1e9)
    return found


def _statistics(seconds: Sequence[float]) -> str:
    """Median, and the range where there are several: `33.2 (31.0 to 40.1)`."""
    if not seconds:
        return ""
    spread = f" ({min(seconds):.1f} to {max(seconds):.1f})" if len(seconds) > 1 else ""
    return f"{median(seconds):.1f}{spread}"
