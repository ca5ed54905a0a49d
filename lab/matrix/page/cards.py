"""One cell as the page shows it: how it stands, how sure that is, its boots, its nights, its files."""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.matrix.agenda import Ended
from lab.matrix.changes import Kind
from lab.matrix.model import SuiteKind
from lab.matrix.night import CellNight, Night, Standing
from lab.matrix.page.history import History
from lab.matrix.page.links import Links
from lab.matrix.page.plots import Dots, Trend, dots, trend
from lab.matrix.page.verdict import WORDS, Against, against
from lab.matrix.page.waterfall import Waterfall, waterfall
from lab.report import words
from lab.statistics import FlakeRate, flake_rate, median_interval
from lab.store.run import BOOTS_FILE, CONSOLE_FOLDER, PCAP_FOLDER

_ENDED = {
    Ended.GIVEN_UP: "given up: too many boots in a row failed",
    Ended.DEADLINE: "cut by the deadline",
    Ended.SICK: "its place is in quarantine",
    Ended.STOPPED: "stopped before its end",
}


@dataclass(frozen=True, slots=True)
class RunLinks:
    """Where a run of a cell is: its report, its records, and the folders of its recordings and packets."""

    name: str
    report: str
    boots: str
    console: str
    pcap: str


@dataclass(frozen=True, slots=True)
class Card:
    """A cell. `number` counts from 1 over the page; `kinds` say what changed."""

    number: int
    place: str
    image: str
    suite: str
    board_type: str
    emulated: bool
    mark: str
    word: str
    standing: str
    short: str
    median: str
    interval: str
    spread: str
    against: Against
    kinds: tuple[str, ...]
    note: str
    rate: str
    rate_nights: str
    nights: int
    retries: int
    failed: int
    dots: Dots | None
    trend: Trend | None
    waterfall: Waterfall | None
    steps: list[str]
    tests: dict[str, str]
    files: list[tuple[str, str]]
    runs: list[RunLinks]

    @property
    def bad(self) -> bool:
        """Whether somebody should look at it."""
        return self.standing in (Standing.FAILING, Standing.FLAKY)

    @property
    def look(self) -> bool:
        """Whether it belongs to what is shown first."""
        return self.bad or bool(self.kinds)


def card(
    number: int,
    night: Night,
    cell: CellNight,
    base: CellNight | None,
    kinds: Sequence[Kind],
    history: History,
    links: Links,
) -> Card:
    """Return a cell as the page shows it."""
    mark, word = WORDS[cell.standing]
    seconds, tests = cell.ready_seconds, cell.tests
    failed, judged = cell.counts
    junit = tests.junit if tests is not None else ""
    files = [(name, links.beside(name)) for name in (junit, f"{junit.removesuffix('.xml')}.log") if junit]
    return Card(
        number=number,
        place=cell.cell.place,
        image=cell.cell.image,
        suite=cell.cell.suite,
        board_type=cell.board_type,
        emulated=cell.emulated,
        mark=mark,
        word=word,
        standing=cell.standing.value,
        short=_short(cell),
        median=f"{statistics.median(seconds):.2f} s" if seconds else "",
        interval=_interval(seconds),
        spread=_spread(seconds),
        against=against(night, cell, base, kinds),
        kinds=tuple(kind.value for kind in dict.fromkeys(kinds)),
        note=_ENDED.get(cell.ended, "") if cell.ended is not None else "",
        rate=_rate(flake_rate(failed, judged)),
        rate_nights=_rate(history.rate),
        nights=len(history.points),
        retries=sum(record.attempt > 1 for record in cell.boots),
        failed=failed,
        dots=dots(base.ready_seconds if base is not None else (), seconds),
        trend=trend(history.points, [level.start for level in history.levels[1:]]),
        waterfall=waterfall(cell, base),
        steps=_steps(history),
        tests=dict(tests.failed) if tests is not None else {},
        files=[(name, address) for name, address in files if address],
        runs=[_run(folder, links) for folder in cell.folders],
    )


def _short(cell: CellNight) -> str:
    tests = cell.tests
    if tests is not None:
        total = tests.passed + len(tests.failed)
        bad = f"{len(tests.failed)} of {words.count(total, 'test')} failed"
        return bad if tests.failed else words.count(tests.passed, "test")
    if cell.standing is Standing.NOT_RUN and not cell.boots:
        return ""
    ready = sum(record.ready for record in cell.boots)
    planned = cell.planned if cell.kind is SuiteKind.BOOT else len(cell.boots)
    return f"{ready} of {planned} ready"


def _interval(seconds: Sequence[float]) -> str:
    found = median_interval(seconds)
    return words.between(*found) if found else ""


def _spread(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return ""
    middle = statistics.median(seconds)
    mad = statistics.median(abs(value - middle) for value in seconds)
    p95 = sorted(seconds)[-(-95 * len(seconds) // 100) - 1]
    parts = [f"MAD {words.seconds(mad)} s"] + [f"p95 {words.seconds(p95)} s"] * (len(seconds) >= 20)
    return ", ".join([*parts, words.between(min(seconds), max(seconds))])


def _rate(rate: FlakeRate) -> str:
    if not rate.n:
        return ""
    return f"{rate.failed} of {rate.n} ({100 * rate.low:.1f} to {100 * rate.high:.1f} %)"


def _steps(history: History) -> list[str]:
    """Sentences about the nights at which the level changed."""
    known = [point for point in history.points if point.seconds]
    return [
        f"a new level since {known[now.start].name}: {before.median:.2f} to {now.median:.2f} s"
        for before, now in itertools.pairwise(history.levels)
    ]


def _run(folder: Path, links: Links) -> RunLinks:
    return RunLinks(
        name=folder.name,
        report=links.run(folder),
        boots=links.run(folder, BOOTS_FILE),
        console=links.below(folder, CONSOLE_FOLDER),
        pcap=links.below(folder, PCAP_FOLDER),
    )
