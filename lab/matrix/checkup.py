"""A place before its cells, and when it arouses suspicion: checked, put into quarantine, or let back."""

from lab.config import load_board_type
from lab.errors import DiskError, LabError
from lab.matrix.agenda import Ended
from lab.matrix.context import Running
from lab.matrix.health import Check, Health, check_place
from lab.matrix.images import image_for
from lab.matrix.model import HealthSettings, SuiteKind, Task
from lab.matrix.placelab import PlaceLab
from lab.matrix.quarantine import BY_PERSON


def is_fit(running: Running, lab: PlaceLab, tasks: list[Task]) -> bool:
    """Check the place of `tasks`; what is left of its cells is ended where it is not fit for work.

    A place that passes comes back out of quarantine, unless a person put it there.
    """
    place = tasks[0].cell.place
    entry = running.quarantine.entries().get(place)
    if entry is not None and entry.by == BY_PERSON:
        _sick(running, place, entry.cause)
        return False
    settings = running.matrix.health
    if settings is None:
        return True
    running.tell_place(place, "is checked")
    with running.emulator(tasks[0].emulated) as free:
        if not free:
            return False
        health = _check(running, lab, tasks, settings)
    run = lab.below(health.run) if health.run is not None else ""
    running.journal.write("health", place=place, passed=not health.fault, steps=health.steps, run=run)
    if not health.fault:
        if running.quarantine.remove(place):
            running.journal.write("return", place=place)
        return True
    lab.let_go()
    if health.fault.startswith(Check.SERVICE):  # no fault of the place
        running.warn(f"{place}: {health.fault}")
        running.end_cells(place, Ended.STOPPED)
    else:
        running.quarantine.add(place, health.fault, night=running.id)
        _sick(running, place, health.fault)
    return False


def _sick(running: Running, place: str, cause: str) -> None:
    running.journal.write("quarantine", place=place, cause=cause)
    running.tell_place(place, f"is in quarantine: {cause}")
    running.end_cells(place, Ended.SICK)


def _check(running: Running, lab: PlaceLab, tasks: list[Task], settings: HealthSettings) -> Health:
    bootable = [task.image for task in tasks if task.suite.kind is not SuiteKind.UPGRADES]
    spec = settings.image or next(iter(bootable), None)
    if spec is None:  # upgrades alone, and no golden image: nothing to boot
        return Health()
    try:
        return check_place(
            lab.session(),
            tasks[0].cell.place,
            image_for(spec, running.site, load_board_type(tasks[0].board_type)),
            running.results,
            tries=settings.tries,
            golden=settings.image is not None,
            night=running.id,
        )
    except DiskError:
        raise
    except LabError as exc:
        return Health(steps={Check.SERVICE.value: str(exc)})
