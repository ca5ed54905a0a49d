"""What results look like in the API. Seconds are from power-on, dates ISO 8601 in UTC as in the records;
`path` is below /api/v1/results/."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

# Names in site and matrix files are of such characters; a URL of all of them is no longer than a server takes
Word = Annotated[str, Field(max_length=150, pattern=r"^[ -~]*$")]


class ResultsFile(TypedDict):
    """A file as it lies in the results folder; `size` in bytes."""

    word: str
    path: str
    size: int


class Measured(TypedDict):
    """What a run is of; `night` is empty for one by hand."""

    place: str
    board_type: str
    image: str
    suite: str
    night: str
    emulated: bool


class RunSummary(Measured):
    """A run: `planned` boots were asked for, `recorded` are there, `ready` of them came up. `complete` is
    false for one that goes on or was cut off."""

    run: str
    folder: str
    started_at: str
    finished_at: str
    complete: bool
    method: str
    planned: int
    recorded: int
    ready: int


class RunList(TypedDict):
    """The newest first. `next` is the `before` of the next page, "" where there is none; `problems` name
    runs that could not be read, and why."""

    runs: list[RunSummary]
    next: str
    problems: list[str]


class RunFact(TypedDict):
    """Something that figures depend on."""

    term: str
    text: str


class MeasuredRun(RunSummary):
    """A run, how it was measured, and its files; `report` is the path of its report, or ""."""

    median_seconds: float | None
    report: str
    facts: list[RunFact]
    files: list[ResultsFile]


class BootSummary(TypedDict):
    """A boot. `number` counts from 1; `seconds` to ready, null where it did not get there; `load` of the
    host at power-on; above 1, `attempt` is a retry."""

    number: int
    started_at: str
    ready: bool
    attempt: int
    seconds: float | None
    load: float | None
    cause: str
    sentence: str


class RunBoots(TypedDict):
    """`next` is the `after` of the next page, 0 where there is none."""

    boots: list[BootSummary]
    next: int


class BootStage(TypedDict):
    """The time to a milestone from the one before it; `source`: power, wire, console or api."""

    milestone: str
    title: str
    since: str
    colour: int
    from_seconds: float
    to_seconds: float
    source: str
    detail: str


class BootTransfer(TypedDict):
    """A file on its way to the board, as the server saw it."""

    protocol: str
    name: str
    size: int
    sent: int
    repeated: int
    outcome: str
    options: dict[str, int]
    from_seconds: float
    to_seconds: float
    bytes_per_second: float | None


class MeasuredBoot(Measured):
    """One boot; the stages of a boot that failed end where it did, and `ended_seconds` is when the lab
    stopped looking. `levers` say what a setting would gain."""

    run: str
    number: int
    of: int
    started_at: str
    ready: bool
    attempt: int
    seconds: float | None
    ended_seconds: float
    reached: str
    conditions: str
    cause: str
    title: str
    sentence: str
    evidence: list[str]
    levers: list[str]
    stages: list[BootStage]
    transfers: list[BootTransfer]
    report: str
    files: list[ResultsFile]
    warnings: list[str]


class ConsoleLine(TypedDict):
    """`kind`: line, milestone, transfer or gap; `at` in seconds, "" for a gap; `times`: how often the line
    came in a row."""

    kind: str
    at: str
    text: str
    colour: int | None
    times: int
    anchor: str
    detail: str


class BootConsole(TypedDict):
    """What the console said; of very long ones lines are left out in the middle. `total` counts all."""

    lines: list[ConsoleLine]
    note: str
    total: int


class BoardAtWork(Measured):
    """A board that is at work: its run, and the boot that goes on (`number` 0: none at the moment), since
    when (Unix time), the last milestone on its console, and its last lines. `usual_seconds` is the median of
    the run's boots, `last_sign` when something was last written."""

    run: str
    planned: int
    recorded: int
    ready: int
    last_sign: float
    usual_seconds: float | None
    number: int
    since: float | None
    reached: str
    lines: list[str]


class Running(TypedDict):
    """Boards at work; `now` is the clock of the host, Unix time."""

    boards: list[BoardAtWork]
    now: float
