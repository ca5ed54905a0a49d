"""The index: takes runs in, answers questions. Whatever is lost here is made again from the files."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Connection, Engine

from lab.errors import LabError
from lab.index import ask
from lab.index.database import IN_MEMORY, IndexTrouble, connect, discard, index_errors, parse_url
from lab.index.ingest import Ingest, Ingested, Progress
from lab.index.rows import TOTAL, BootRow, CellRow, FailureRow, NightRow, NightValues, RunRow


def open_index(url: str, *, anew: bool = False) -> "Index":
    """Open the index at a URL (see `index_url`), making it where it is missing; `anew`: throw away what is
    there, damaged or not.

    Raises UsageError for a URL that is none of ours, IndexTrouble where the database does not open.
    """
    parsed = parse_url(url)
    if anew:
        discard(parsed)
    return Index(parsed, connect(parsed))


@contextmanager
def fresh_index(url: str, results_dir: Path) -> Iterator[tuple["Index", tuple[str, ...]]]:
    """Give an index that knows all there is, and what a person should know of how it came about.

    Where the database cannot be used, that is a warning, and the answer comes from one in memory.
    """
    with ExitStack() as stack:
        try:
            index = stack.enter_context(open_index(url))
            warnings = tuple(index.ingest(results_dir).problems)
        except IndexTrouble as trouble:
            index = stack.enter_context(open_index(IN_MEMORY))
            warnings = (str(trouble), *index.ingest(results_dir).problems)
        yield index, warnings


def refresh(url: str, results_dir: Path) -> tuple[str, ...]:
    """Take in what is new; return what a person should know. Never raises: records count, not their index."""
    try:
        with open_index(url) as index:
            return tuple(index.ingest(results_dir).problems)
    except LabError as exc:
        return (str(exc),)


class Index:
    """An open index; a context manager. Every method raises IndexTrouble where the database fails."""

    def __init__(self, url: URL, engine: Engine) -> None:
        self.url = url
        self._engine = engine

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; may be called twice."""
        self._engine.dispose()

    def ingest(self, results_dir: Path, progress: Progress = lambda done, of: None) -> Ingested:
        """Take in what is new or changed below `results_dir`; `progress` hears of runs done and to do.

        A run that is damaged is a problem with a name, and the others are taken in. One that is in the index
        with other content, and was complete, is another run of that id: the first one stays.
        """
        with index_errors(self.url):
            return Ingest(self._engine, results_dir, progress).run()

    def rebuild(self, results_dir: Path, progress: Progress = lambda done, of: None) -> Ingested:
        """Throw everything away and take all runs below `results_dir` in."""
        self._engine.dispose()
        discard(self.url)
        self._engine = connect(self.url)
        return self.ingest(results_dir, progress)

    def runs(self, *, limit: int | None = None, **wanted: str) -> list[RunRow]:
        """Runs that fit all that is given, oldest first; with `limit` the newest of them.

        `wanted` are columns and their values: run_id, board_type, image, suite, night, place, method.
        """
        with self._reading() as db:
            return ask.runs_of(db, wanted, limit)

    def page_of_runs(self, *, before: str = "", limit: int = 100, **wanted: str) -> list[RunRow]:
        """Runs by their names, which are times, the newest first; `before`: only those of earlier names."""
        with self._reading() as db:
            return ask.page_of_runs(db, wanted, before, limit)

    def boots(
        self, *, after: int = -1, limit: int | None = None, ready: bool | None = None, **wanted: str
    ) -> list[BootRow]:
        """Boots by run and number, those numbered above `after`; `wanted` as in `runs`."""
        with self._reading() as db:
            return ask.boots_of(db, wanted, after, limit, ready)

    def cells(self, **wanted: str) -> list[CellRow]:
        """The squares that nights ran, by name; `wanted` as in `runs`."""
        with self._reading() as db:
            return ask.cells(db, wanted)

    def nights(self) -> list[NightRow]:
        """All nights, oldest first."""
        with self._reading() as db:
            return ask.nights(db)

    def night(self, night: str) -> list[RunRow]:
        """The runs of a night, oldest first."""
        return self.runs(night=night)

    def stages(self, board_type: str, image: str, suite: str) -> list[str]:
        """Names of the quantities that `history` knows of such runs, sorted."""
        with self._reading() as db:
            return ask.stages(db, board_type, image, suite)

    def history(
        self,
        board_type: str,
        image: str,
        suite: str,
        stage: str = TOTAL,
        *,
        before: str = "",
        place: str = "",
    ) -> list[NightValues]:
        """Values of one quantity night by night, oldest first; a run by hand stands for itself.

        `stage` is `total` (power-on to ready) or a name as in measurements.jsonl, such as
        `stage/kernel..init`. `before`: only what began before that night (its id) or time (ISO 8601, UTC).
        `place`: of that place alone.
        """
        with self._reading() as db:
            return ask.history(db, (board_type, image, suite), stage, before, place)

    def failures(self, *, limit: int = 1000, **wanted: str) -> list[FailureRow]:
        """Boots that failed, the newest first; `wanted` as in `runs`."""
        with self._reading() as db:
            return ask.failures(db, wanted, limit)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with index_errors(self.url), self._engine.connect().execution_options(writes=False) as db:
            yield db
