"""Nights of a matrix and their trends, as the API has them."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from pxe.web.operator.results.models import ResultsFile

Standings = dict[str, int]


class NightSummary(TypedDict):
    """A night. `ended` and `how` (done, deadline, stopped, disk) are "" while it goes on or where it was cut
    off, which `under_way` tells. `steps`: boots and suites that were planned, `settled` of them are through;
    `standings`: how many cells passed, are flaky, failing or were not run. `last_sign`: Unix time of the
    last thing written by a night without an end. `sick`: places in quarantine."""

    night: str
    matrix: str
    began: str
    ended: str
    how: str
    under_way: bool
    last_sign: float | None
    deadline_seconds: float | None
    standings: Standings
    boots: int
    ready: int
    steps: int
    settled: int
    sick: list[str]
    report: str


class NightList(TypedDict):
    """The newest first. `next` is the `before` of the next page, "" where there is none; `problems` name
    what could not be read, and why."""

    nights: list[NightSummary]
    next: str
    problems: list[str]


class FailedTest(TypedDict):
    """A test that failed."""

    name: str
    why: str


class NightCell(TypedDict):
    """A square. `failed` of `judged` boots failed at last or needed a retry; boots that the lab's equipment
    spoilt are not judged. `ended`: done, given-up, deadline, sick, stopped; null: not yet. `tests_passed` is
    null where the suite boots."""

    place: str
    image: str
    suite: str
    board_type: str
    emulated: bool
    kind: str
    standing: str
    planned: int
    recorded: int
    ready: int
    failed: int
    judged: int
    retries: int
    median_seconds: float | None
    ended: str | None
    runs: list[str]
    steps: int
    settled: int
    tests_passed: int | None
    tests_failed: list[FailedTest]
    files: list[ResultsFile]


class NightPlace(TypedDict):
    """A place in a night: what each step of its last check said ("": it is well), why it is in quarantine
    ("": it is not), and whether it came back."""

    name: str
    steps: dict[str, str]
    sick: str
    returned: bool


class WhereFailed(TypedDict):
    """How many boots of a cell."""

    cell: str
    boots: int


class FailedExample(TypedDict):
    """A boot that failed so: what was concluded from, the last lines of its console, its last packets."""

    cell: str
    run: str
    number: int
    sentence: str
    evidence: list[str]
    console: list[str]
    packets: list[str]


class FailureGroup(TypedDict):
    """Boots that failed for one cause; `lab`: it is the lab's own equipment."""

    title: str
    boots: int
    lab: bool
    where: list[WhereFailed]
    examples: list[FailedExample]


class NightChange(TypedDict):
    """What became of a cell or a place: sick, failing, flaky, slower, not-run, back, fixed or faster."""

    kind: str
    place: str
    sentence: str
    board_type: str
    image: str
    suites: list[str]
    details: list[str]
    runs: list[str]


class CellVerdict(TypedDict):
    """A cell against the night before in which it was run; words as in docs/read-a-report.md."""

    place: str
    image: str
    suite: str
    word: str
    change: str
    interval: str
    why_not: str
    kinds: list[str]


class SlowTransfer(TypedDict):
    """A file in a cell, medians over its boots; `share` of the slowest one, in percent."""

    cell: str
    protocol: str
    name: str
    size: str
    seconds: str
    longest: str
    rate: str
    repeated: int
    share: float


class NightChanges(TypedDict):
    """What changed since the night `since` ("": there is none before), and the slowest transfers."""

    since: str
    found: list[NightChange]
    notes: list[str]
    cells: list[CellVerdict]
    slowest: list[SlowTransfer]


class MeasuredNight(NightSummary):
    """A night, cell by cell. `changes` is null while it goes on, and for a moment where comparing it takes
    longer: ask again, or wait for `results` in /boots/stream."""

    cells: list[NightCell]
    places: list[NightPlace]
    left_out: list[str]
    warnings: list[str]
    failures: list[FailureGroup]
    changes: NightChanges | None


class TrendNight(TypedDict):
    """A night of a cell; seconds of the boots that got ready. `other_image`: other files were served than
    the night before."""

    night: str
    boots: int
    median: float | None
    low: float | None
    high: float | None
    failed: int
    other_image: bool


class TrendLevel(TypedDict):
    """Nights that belong together, by the change points of lab.statistics (it takes twelve to tell)."""

    since: str
    nights: int
    median: float


class Trend(TypedDict):
    """A cell over its last 60 nights by one stage. `failed` of `boots` attempts. `picture` has it placed for
    drawing into `width` by `height`: points, their `course`, x of changed levels as `steps`."""

    place: str
    board_type: str
    image: str
    suite: str
    emulated: bool
    stage: str
    title: str
    nights: list[TrendNight]
    levels: list[TrendLevel]
    failed: int
    boots: int
    picture: dict[str, Any] | None


class TrendList(TypedDict):
    """`cells` there are in all; `next` is the `after` of the next page, 0 where there is none."""

    trends: list[Trend]
    cells: int
    next: Annotated[int, Field(ge=0)]
