"""A night read back: its journal, and the boots in the folders that it names. What reports and changes are
made of.

`results/nights/<night>/` holds the journal and the JUnit files; a night's name is UTC time plus a suffix, as
that of a run: names sort by time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from lab.errors import LabError, UsageError
from lab.matrix.agenda import Ended
from lab.matrix.journal import JOURNAL, NIGHTS, read_lines
from lab.matrix.model import Cell, Noticed, SuiteKind
from lab.model import BootRecord
from lab.store import Run, load_run


class Standing(StrEnum):
    """What a cell has shown."""

    PASSED = "passed"
    FLAKY = "flaky"  # some boots failed, some did not
    FAILING = "failing"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tests:
    """A run of pytest: names of failed tests with the first line of why."""

    seconds: float
    status: int
    passed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    junit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellNight:
    """One cell of one night. `folders` are those of its runs, `runs` what could be read of them."""

    cell: Cell
    board_type: str
    emulated: bool
    kind: SuiteKind
    planned: int
    folders: tuple[Path, ...] = ()
    runs: tuple[Run, ...] = ()
    tests: Tests | None = None
    ended: Ended | None = None

    @property
    def boots(self) -> tuple[BootRecord, ...]:
        """All that were recorded, retries included."""
        return tuple(boot for run in self.runs for boot in run.boots)

    @property
    def counts(self) -> tuple[int, int]:
        """(failed, judged): boots that failed at last or needed a retry, of those that prove anything.

        A boot that the lab's own equipment spoilt, and its retries too, proves nothing.
        """
        judged = [group for group in attempts(self.boots) if not _of_the_lab(group[-1])]
        return sum(any(_failed(record) for record in group) for group in judged), len(judged)

    @property
    def ready_seconds(self) -> list[float]:
        """Seconds to ready of each boot that got there."""
        lines = [record.timeline for record in self.boots if record.ready and record.timeline.milestones]
        return [(line.milestones[-1].t_ns - line.t0_ns) / 1e9 for line in lines]

    @property
    def standing(self) -> Standing:
        """What the cell has shown."""
        if self.tests is not None:
            return Standing.FAILING if self.tests.status or self.tests.failed else Standing.PASSED
        failed, judged = self.counts
        if not judged:
            return Standing.NOT_RUN
        if self.ended is Ended.GIVEN_UP or not any(record.ready for record in self.boots):
            return Standing.FAILING
        return Standing.FLAKY if failed else Standing.PASSED


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceNight:
    """A place in a night: what its checks said, step by step, and why it is in quarantine ("": it is not)."""

    name: str
    steps: dict[str, str] = field(default_factory=dict)
    sick: str = ""
    returned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A night. `ended` is "" while it is being run, or where it was cut off.

    `noticed` is from when on a change of times is news, `left_out` are squares that cannot be run.
    """

    id: str
    folder: Path
    matrix: str
    digest: str
    began: str
    ended: str = ""
    how: str = ""
    deadline: float | None = None
    noticed: Noticed = field(default_factory=Noticed)
    left_out: tuple[str, ...] = ()
    cells: dict[Cell, CellNight] = field(default_factory=dict)
    places: dict[str, PlaceNight] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    told: dict[str, str] = field(default_factory=dict)


def attempts(boots: Iterable[BootRecord]) -> list[list[BootRecord]]:
    """Return the records in groups: a boot with its retries."""
    groups: list[list[BootRecord]] = []
    for record in boots:
        if record.attempt == 1 or not groups:
            groups.append([])
        groups[-1].append(record)
    return groups


def _failed(record: BootRecord) -> bool:
    return not record.ready and not _of_the_lab(record)


def _of_the_lab(record: BootRecord) -> bool:
    return record.failure is not None and record.failure.cause.of_the_lab


def night_folders(results: Path) -> list[Path]:
    """Return the folders of all nights, oldest first."""
    return sorted(path.parent for path in results.glob(f"{NIGHTS}/*/{JOURNAL}"))


def find_night(results: Path, name: str) -> Path:
    """Return the folder of the night called `name`: `latest`, its id or how that begins.

    Raises UsageError where none or several fit.
    """
    there = night_folders(results)
    fits = there[-1:] if name == "latest" else [path for path in there if path.name.startswith(name)]
    if not fits:
        what = "there is no night yet" if name == "latest" else f"no night is called {name!r}"
        raise UsageError(f"{what} in {results}; `bootlab matrix run` makes one")
    if len(fits) > 1:
        raise UsageError(f"{name!r} fits {len(fits)} nights: {', '.join(path.name for path in fits[:5])}")
    return fits[0]


def earlier_nights(results: Path, night: Night, limit: int = 7) -> Iterator[Night]:
    """Yield the nights of the same matrix before this one, the newest first; a damaged one is passed over."""
    found = 0
    for folder in reversed([path for path in night_folders(results) if path.name < night.id]):
        try:
            lines = read_lines(folder / JOURNAL)
            if lines[0].get("matrix") != night.matrix:
                continue
            yield load_night(folder)
        except LabError:
            continue
        found += 1
        if found >= limit:
            return


def load_night(folder: Path, read: Callable[[Path], Run] = load_run) -> Night:
    """Read a night; `read` reads a run from its folder, and one that cannot be read is a warning.

    Raises UsageError that names file and line where the journal is damaged.
    """
    path, number = folder / JOURNAL, 1
    lines = read_lines(path)
    try:
        reader = _Reader(folder, lines[0], read)
        for line in lines[1:]:
            number += 1
            reader.take(line)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise UsageError(f"{path}:{number}: is damaged: {type(exc).__name__} {exc}") from exc
    return reader.night()


class _Reader:
    """Follows the journal, line by line."""

    def __init__(self, folder: Path, first: Mapping[str, Any], read: Callable[[Path], Run]) -> None:
        self._results, self._read = folder.parent.parent, read
        self._warnings: list[str] = []
        self._cells = {cell.cell: cell for cell in map(_cell_of, first["cells"])}
        self._places = {cell.place: PlaceNight(name=cell.place) for cell in self._cells}
        self._night = Night(
            id=folder.name,
            folder=folder,
            matrix=str(first["matrix"]),
            digest=str(first.get("digest", "")),
            began=str(first["at"]),
            deadline=first.get("deadline"),
            noticed=Noticed(**first.get("noticed", {})),
            left_out=tuple(map(str, first.get("left_out", ()))),
        )

    def take(self, line: Mapping[str, Any]) -> None:
        """Take one line in; kinds that we do not know are passed over."""
        kind = line.get("what")
        if kind in ("run", "cell", "tests"):
            cell = Cell(*line["cell"])
            if cell in self._cells:
                self._cells[cell] = self._with(self._cells[cell], kind, line)
        elif kind in ("health", "quarantine", "return"):
            name = str(line["place"])
            self._places[name] = _place_with(self._places.get(name, PlaceNight(name=name)), kind, line)
        elif kind == "warning":
            self._warnings.append(str(line["text"]))
        elif kind == "resume":
            self._night = replace(self._night, ended="", how="")
        elif kind == "end":
            self._night = replace(self._night, ended=str(line["at"]), how=str(line["how"]))
        elif kind == "told":
            self._night = replace(self._night, told={**self._night.told, line["to"]: line["error"]})

    def night(self) -> Night:
        """The night with its boots."""
        cells = {cell: self._boots(found) for cell, found in self._cells.items()}
        return replace(
            self._night, cells=cells, places=self._places, warnings=tuple(dict.fromkeys(self._warnings))
        )

    def _with(self, cell: CellNight, kind: str, line: Mapping[str, Any]) -> CellNight:
        if kind == "run":
            return replace(cell, folders=(*cell.folders, self._results / line["run"]))
        if kind == "cell":
            return replace(cell, ended=Ended(line["ended"]))
        names = ("seconds", "status", "passed", "failed", "junit")
        return replace(cell, tests=Tests(**{name: line[name] for name in names}))

    def _boots(self, cell: CellNight) -> CellNight:
        runs: list[Run] = []
        for folder in cell.folders:
            try:
                runs.append(self._read(folder))
            except LabError as exc:
                self._warnings.append(f"{cell.cell}: {exc}")
        return replace(cell, runs=tuple(runs))


def _cell_of(line: Mapping[str, Any]) -> CellNight:
    return CellNight(
        cell=Cell(str(line["place"]), str(line["image"]), str(line["suite"])),
        board_type=str(line["board_type"]),
        emulated=bool(line["emulated"]),
        kind=SuiteKind(line["kind"]),
        planned=int(line["boots"]),
    )


def _place_with(place: PlaceNight, kind: str, line: Mapping[str, Any]) -> PlaceNight:
    if kind == "health":
        return replace(place, steps=dict(line["steps"]))
    if kind == "quarantine":
        return replace(place, sick=str(line["cause"]), returned=False)
    return replace(place, sick="", returned=True)
