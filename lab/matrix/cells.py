"""From the words of a matrix file to its cells: boards by images by suites, includes, excludes. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lab.matrix.model import Cell, ImageSpec, Settings, Suite, SuiteKind, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFacts:
    """What the cells must know of a place."""

    name: str
    board_type: str
    arch: str
    emulated: bool
    uboot: bool  # whether it comes to U-Boot's prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Which cells are meant: those that fit all that is given; `board` is a place or a board type."""

    board: str | None = None
    image: str | None = None
    suite: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)  # of an include: fields of Settings

    def fits(self, task: Task) -> bool:
        """Whether the cell is meant."""
        cell = task.cell
        return (
            self.board in (None, cell.place, task.board_type)
            and self.image in (None, cell.image)
            and self.suite in (None, cell.suite)
        )


@dataclass(kw_only=True)
class Expansion:
    """Makes the tasks. `settings_of` gives those of a suite.

    `left_out` are sentences about squares that cannot be run; `faults` are (number of the include, sentence).
    """

    places: tuple[PlaceFacts, ...]
    images: tuple[ImageSpec, ...]
    suites: tuple[Suite, ...]
    settings_of: Callable[[Suite], Settings]
    left_out: list[str] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def tasks(
        self, chosen: Iterable[str], includes: Iterable[Pattern], excludes: Iterable[Pattern]
    ) -> tuple[Task, ...]:
        """Return the tasks: of the places `chosen` all squares, without `excludes`, then with `includes`."""
        names = set(chosen)
        away = tuple(excludes)
        table: dict[Cell, Task] = {}
        for place in (place for place in self.places if place.name in names):
            for task in self._squares(place):
                if any(pattern.fits(task) for pattern in away):
                    continue
                if (why := objection(task, place)) is not None:
                    self.left_out.append(why)
                else:
                    table[task.cell] = task
        for number, pattern in enumerate(includes):
            self._include(table, number, pattern)
        return tuple(table.values())

    def _squares(self, place: PlaceFacts) -> Iterator[Task]:
        for suite in self.suites:
            for image in self.images if suite.kind is not SuiteKind.UPGRADES else (suite.system,):
                yield Task(
                    cell=Cell(place.name, image.name, suite.name),
                    board_type=place.board_type,
                    emulated=place.emulated,
                    suite=suite,
                    image=image,
                    settings=self.settings_of(suite),
                )

    def _include(self, table: dict[Cell, Task], number: int, pattern: Pattern) -> None:
        found = [task for task in table.values() if pattern.fits(task)]
        if not found:
            found = self._added(number, pattern)
        for task in found:
            table[task.cell] = replace(task, settings=replace(task.settings, **pattern.changes))

    def _added(self, number: int, pattern: Pattern) -> list[Task]:
        if None in (pattern.board, pattern.image, pattern.suite):
            self.faults.append((number, "fits no cell; to add one, name its board, image and suite"))
            return []
        added = []
        for place in self.places:
            for task in self._squares(place):
                if pattern.fits(task):
                    if (why := objection(task, place)) is not None:
                        self.faults.append((number, why))
                    added.append(task)
        return added


def objection(task: Task, place: PlaceFacts) -> str | None:
    """Why a square cannot be run, as a sentence; None where it can."""
    if task.image.plans and task.image.plan_for(place.arch) is None:
        there = ", ".join(task.image.plans)
        return f"{task.cell}: {place.name} is {place.arch}, and the image has plans for {there}"
    if task.suite.method == "driven" and not place.uboot:
        return f"{task.cell}: a driven boot types at U-Boot, and {place.board_type} has none"
    if task.suite.kind is SuiteKind.UPGRADES and not place.emulated:
        return f"{task.cell}: power cuts need an emulated board: only its disk can lose its write cache"
    return None
