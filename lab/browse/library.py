"""The results folder and an index of it, kept up to date while somebody may ask.

The index is a file of our own (the service's user often may not write to the results), made again from the
records whenever it is gone or damaged.
"""

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lab.errors import LabError
from lab.index import Index, IndexTrouble, open_index
from lab.matrix.journal import JOURNAL
from lab.matrix.night import night_folders
from lab.store.run import BOOTS_FILE, RUN_FILE

_LOOK_SECONDS = 1.0
_ALL_SECONDS = 60.0  # between two looks at every run: an old one may be edited, imported, removed
_RUNS, _NIGHTS = 50, 5  # the newest, which are looked at each time
_GROW = (RUN_FILE, BOOTS_FILE)


class Missing(LabError):
    """There is nothing of that name."""

    exit_code = 2


class NotYet(LabError):
    """The records are still being read."""

    exit_code = 4


class Library:
    """What was measured. `watch` runs in a thread of its own; questions may come from any."""

    def __init__(self, results: Path, index_file: Path) -> None:
        self.results = results.absolute()
        self._url = _url(index_file)
        self._index: Index | None = None
        self._ready, self._stop = threading.Event(), threading.Event()
        self._done = (0, 0)
        self._sign: object = None
        self._looked = 0.0
        self.version = 0  # goes up whenever something is new
        self.problems: tuple[str, ...] = ()

    def index(self, wait: float = 15.0) -> Index:
        """The index, once it knows what there is. Raises NotYet."""
        if not self._ready.wait(wait) or self._index is None:
            done, of = self._done
            raise NotYet(f"the records are still being read ({done} of {of} runs); ask again in a moment")
        return self._index

    def watch(self, changed: Callable[[], None]) -> None:
        """Take in what is new, until `close`; `changed` is called after each time."""
        while not self._stop.is_set():
            if self.look():
                changed()
            self._stop.wait(_LOOK_SECONDS)

    def look(self) -> bool:
        """Take in what is new; whether there was something. To be called by one thread."""
        sign = self._signature()
        now = time.monotonic()
        if sign == self._sign and now - self._looked < _ALL_SECONDS:
            return False
        new, before = sign != self._sign, self.problems
        self._sign, self._looked = sign, now
        try:
            new = self._take() or new
        except LabError as exc:
            self.problems = (str(exc),)
        if not (new or self.problems != before):
            return False
        self.version += 1
        self._ready.set()
        return True

    def close(self) -> None:
        """Let `watch` end."""
        self._stop.set()

    def tell(self, sentence: str) -> str:
        """A sentence for people elsewhere: our folder is of no use to them."""
        return sentence.replace(f"{self.results}/", "").replace(str(self.results), "results")

    def _take(self) -> bool:
        if self._index is None:
            self._index = self._open()
        found = self._index.ingest(self.results, self._progress)
        self.problems = tuple(map(self.tell, found.problems))
        return bool(found.new or found.changed)

    def _open(self) -> Index:
        for anew in (False, True):
            try:
                return open_index(self._url, anew=anew)
            except IndexTrouble:
                continue
        # The state folder takes nothing: slower to start, and whole
        self._beside = tempfile.TemporaryDirectory(prefix="bootlab-index-")
        return open_index(_url(Path(self._beside.name) / "index.sqlite"))

    def _progress(self, done: int, of: int) -> None:
        self._done = (done, of)

    def _signature(self) -> object:
        """Changes when a run or a night begins or goes on; costs a few system calls."""
        parts: list[object] = []
        try:
            days = sorted(
                path for path in self.results.iterdir() if path.is_dir() and path.name[:1].isdigit()
            )
            parts += [(day.name, day.stat().st_mtime_ns) for day in days]
            files = [
                run / name for day in days[-2:] for run in sorted(day.iterdir())[-_RUNS:] for name in _GROW
            ]
            files += [night / JOURNAL for night in night_folders(self.results)[-_NIGHTS:]]
            parts += [(str(file), file.stat().st_size) for file in files if file.exists()]
        except OSError:
            pass
        return parts


def _url(file: Path) -> str:
    return f"sqlite:///{file.absolute()}"


def find_folder(library: Library, run: str) -> Path:
    """The folder of a run by its whole name. Raises Missing."""
    for row in library.index().runs(run_id=run):
        return library.results / row.folder
    raise Missing(f"run {run} is not known; GET /runs lists those that are, and what could not be read")
