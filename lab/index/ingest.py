"""Take runs in: what is new or changed, many in one transaction, and each that cannot be taken is named."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, delete, insert, select

from lab.errors import LabError
from lab.index.database import in_turn
from lab.index.read import Row, Rows, digest, read_rows, stamp
from lab.index.tables import boots, runs, series
from lab.store import list_runs

Progress = Callable[[int, int], None]
_BATCH = 500  # boots in one transaction, at least


@dataclass
class Ingested:
    """What came of taking runs in. `problems` are sentences about runs that are not in the index for it."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    boots: int = 0
    problems: list[str] = field(default_factory=list)


class Ingest:
    """One pass over a results folder. `run` raises what the database raises; batches before it are kept."""

    def __init__(self, engine: Engine, results_dir: Path, progress: Progress) -> None:
        self._engine, self._results, self._progress = engine, results_dir, progress
        self.done = Ingested()

    def run(self) -> Ingested:
        """Take everything in that is new or changed."""
        known = self._known()
        folders = [folder for folder in self._each_once() if self._is_new(folder, known)]
        batch: list[Rows] = []
        for number, folder in enumerate(folders, 1):
            if (rows := self._read(folder, known)) is not None:
                batch.append(rows)
            if sum(len(rows.boots) for rows in batch) >= _BATCH or number == len(folders):
                self._store(batch)
                batch = []
                self._progress(number, len(folders))
        return self.done

    def _each_once(self) -> Iterator[Path]:
        """All runs; of two folders with one id, the first."""
        seen: dict[str, Path] = {}
        for folder in list_runs(self._results):
            if (first := seen.setdefault(folder.name, folder)) is folder:
                yield folder
            else:
                self._problem(folder, f"a run of this id is there already: {first}, which counts")

    def _known(self) -> dict[str, Row]:
        columns = (runs.c.run_id, runs.c.folder, runs.c.stamp, runs.c.digest, runs.c.complete)
        with self._engine.connect().execution_options(writes=False) as db:
            return {row.run_id: dict(row._mapping) for row in db.execute(select(*columns))}

    def _is_new(self, folder: Path, known: dict[str, Row]) -> bool:
        try:
            same = folder.name in known and known[folder.name]["stamp"] == stamp(folder)
        except OSError as exc:
            self._problem(folder, exc.strerror or str(exc))
            return False
        self.done.unchanged += same
        return not same

    def _read(self, folder: Path, known: dict[str, Row]) -> Rows | None:
        """The rows of a run; None where it is damaged, or another of its id is there."""
        before = known.get(folder.name)
        try:
            if before is not None and before["complete"] and before["digest"] != digest(folder):
                where = f"another run of this id is in the index ({before['folder']}), complete and different"
                self._problem(
                    folder, f"{where}: the first one stays; `results index --rebuild` reads all anew"
                )
                return None
            rows = read_rows(folder, self._results)
        except LabError as exc:
            self.done.problems.append(str(exc))
            return None
        except OSError as exc:
            self._problem(folder, str(exc))
            return None
        if rows.runs[0]["run_id"] != folder.name:
            self._problem(
                folder, f"it says that it is run {rows.runs[0]['run_id']}; give the folder that name"
            )
            return None
        self.done.new += before is None
        self.done.changed += before is not None
        return rows

    def _store(self, batch: list[Rows]) -> None:
        rows = Rows()
        for one in batch:
            rows.add(one)
        with self._engine.begin() as db:
            in_turn(db)
            for run in rows.runs:  # its boots and series go with it
                db.execute(delete(runs).where(runs.c.run_id == run["run_id"]))
            for table, found in ((runs, rows.runs), (boots, rows.boots), (series, rows.series)):
                if found:
                    db.execute(insert(table), found)
        self.done.boots += len(rows.boots)

    def _problem(self, folder: Path, what: str) -> None:
        self.done.problems.append(f"{folder}: {what}")
