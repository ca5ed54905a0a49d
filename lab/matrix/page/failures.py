"""The failures of a night by cause, each with what decided it: console lines and packets."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.matrix.night import CellNight, Night
from lab.matrix.page.links import Links
from lab.matrix.page.packets import last_packets
from lab.measure.statistics import milestone_order
from lab.model import BootRecord, Cause, Failure
from lab.report import words
from lab.report.bars import Names
from lab.report.console import ConsoleView, console_view

_EXAMPLES = 3  # of a cause: more of the same tell nothing new
_ROWS = 400  # of a console: the newest
NO_CAUSE = "no cause"


@dataclass(frozen=True, slots=True)
class Example:
    """One boot that failed so. `number` counts from 1."""

    cell: str
    run: str
    number: int
    sentence: str
    evidence: tuple[str, ...]
    console: ConsoleView
    packets: list[str]
    report: str
    recording: str
    capture: str


@dataclass(frozen=True, slots=True)
class Where:
    """A cell that failed so, how often, and its number on the page."""

    cell: str
    count: int
    number: int


@dataclass(frozen=True, slots=True)
class Group:
    """All boots that failed for one cause; `lab`: it is the lab's own equipment."""

    title: str
    boots: int
    where: list[Where]
    lab: bool = False
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that failed alike in these cells."""

    name: str
    why: str
    where: list[Where]
    logs: list[tuple[str, str]]  # what it is, and its address


Seen = tuple[CellNight, Path, BootRecord]
Whole = Callable[[Path, BootRecord], BootRecord]


def failed_boots(night: Night, links: Links, whole: Whole = lambda folder, record: record) -> list[Group]:
    """Return the causes, that of most cells first. `whole` makes an example's record complete."""
    by_cause: dict[str, list[Seen]] = {}
    for seen in _failed(night):
        failure = seen[2].failure
        by_cause.setdefault(failure.cause.value if failure else NO_CAUSE, []).append(seen)
    numbers = {cell: number for number, cell in enumerate(night.cells, 1)}
    groups = []
    for found in by_cause.values():
        where: dict[str, Where] = {}
        for cell, _, _ in found:
            name, number = str(cell.cell), numbers[cell.cell]
            where[name] = Where(name, where[name].count + 1 if name in where else 1, number)
        failure = found[0][2].failure
        title = words.cause(failure) if failure else "no cause was recorded"
        shown = [(cell, folder, whole(folder, record)) for cell, folder, record in _examples(found)]
        examples = [_example(*seen, links) for seen in shown]
        lab = failure is not None and failure.cause.of_the_lab
        groups.append(Group(title, len(found), list(where.values()), lab, examples))
    return sorted(groups, key=lambda group: (group.lab, -len(group.where), -group.boots))


def failed_tests(night: Night, links: Links) -> list[FailedTest]:
    """Return the tests that failed, alike ones together."""
    found: dict[tuple[str, str], FailedTest] = {}
    for number, cell in enumerate(night.cells.values(), 1):
        tests = cell.tests
        for name, why in (tests.failed if tests is not None else {}).items():
            test = found.setdefault((name, why), FailedTest(name, why, [], []))
            test.where.append(Where(str(cell.cell), 1, number))
            junit = tests.junit if tests is not None else ""
            test.logs.extend((file, address) for file in _files(junit) if (address := links.beside(file)))
    return sorted(found.values(), key=lambda test: -len(test.where))


def _files(junit: str) -> tuple[str, ...]:
    return (junit, f"{junit.removesuffix('.xml')}.log") if junit else ()


def _failed(night: Night) -> Iterator[Seen]:
    for cell in night.cells.values():
        for run in cell.runs:
            for record in run.boots:
                if not record.ready:
                    yield cell, run.folder, record


def _examples(found: Iterable[Seen]) -> list[Seen]:
    """Boots that differ: in what is said of them first, then in their cell."""
    by_sentence: dict[str, Seen] = {}
    by_cell: dict[str, Seen] = {}
    for seen in found:
        failure = seen[2].failure
        by_sentence.setdefault(failure.sentence if failure else "", seen)
        by_cell.setdefault(str(seen[0].cell), seen)
    chosen = {(str(folder), record.index): (cell, folder, record)
              for cell, folder, record in (*by_sentence.values(), *by_cell.values())}  # fmt: skip
    return list(chosen.values())[:_EXAMPLES]


def _example(cell: CellNight, folder: Path, record: BootRecord, links: Links) -> Example:
    failure = record.failure or Failure(Cause.NOT_READY, "No cause was recorded.")
    titles = {name: title for run in cell.runs for name, title in run.info.titles.items()}
    said = console_view(folder, record, Names(milestone_order([record]), titles))
    return Example(
        cell=str(cell.cell),
        run=folder.name,
        number=record.index + 1,
        sentence=failure.sentence,
        evidence=failure.evidence,
        console=replace(said, rows=said.rows[-_ROWS:], jumps=[]),
        packets=last_packets(folder, record),
        report=links.boot(folder, record.index + 1),
        recording=links.run(folder, record.console) if record.console else "",
        capture=links.run(folder, record.pcap) if record.pcap else "",
    )
