"""What the index tells, as frozen values."""

from dataclasses import dataclass

TOTAL = "total"  # the stage from power-on to ready, of the boots that got there


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in a few words; `folder` is relative to the results' folder. Other fields as in RunInfo."""

    run_id: str
    folder: str
    started_at: str
    finished_at: str
    complete: bool
    place: str
    board_type: str
    image: str
    suite: str
    night: str
    method: str
    emulated: bool
    plan_hash: str
    image_digest: str
    console_args: str
    planned: int
    recorded: int
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NightRow:
    """A night in a few words; times are ISO 8601, UTC."""

    night: str
    started_at: str
    runs: int
    recorded: int
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NightValues:
    """One quantity of one night (`night` empty: of one run by hand), of boots that became ready.

    `recorded` and `ready` count boots. `console_args` has one entry for each that was in use: a boot that
    prints less is faster for that alone. Emulated and real boards never share an entry.
    """

    night: str
    started_at: str
    emulated: bool
    run_ids: tuple[str, ...]
    unit: str
    values: tuple[float, ...]
    recorded: int
    ready: int
    image_digests: tuple[str, ...]
    console_args: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """A boot that failed, and where its files are: `console` and `pcap` relative to `folder`, that to the
    results' folder."""

    run_id: str
    folder: str
    number: int
    started_at: str
    attempt: int
    night: str
    place: str
    board_type: str
    image: str
    suite: str
    cause: str
    sentence: str
    evidence: tuple[str, ...]
    console: str
    pcap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRow:
    """A boot in a few words; fields as in BootRecord, `seconds` from power-on to ready (None: it did not get
    there)."""

    run_id: str
    number: int
    started_at: str
    ready: bool
    attempt: int
    firmware: str
    kernel: str
    load: float | None
    seconds: float | None
    cause: str | None
    sentence: str | None
    evidence: tuple[str, ...]
    console: str
    pcap: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """A square of a matrix that was run in `nights` nights."""

    place: str
    board_type: str
    image: str
    suite: str
    emulated: bool
    nights: int
