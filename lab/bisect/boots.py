"""A boot of a place as a probe: each version has a run of its own, with all that a run records."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.bisect.journal import Observation
from lab.errors import InfrastructureError, UsageError
from lab.measure.timeline import POWER_ON
from lab.model import BootRecord
from lab.series import OpenRun, Series
from lab.store import find_run

_TRIES = 3  # of a boot that the lab's own equipment failed


@dataclass
class BootProbe:
    """Boots versions in any order. `series` makes the Series of a version; `span` are the two milestones
    between which the seconds lie (POWER_ON and "" by default: to the last one). `resumed` are run ids by
    version, of an earlier part of the same search.

    A context manager: the runs are complete when it is left.
    """

    series: Callable[[str], Series]
    span: tuple[str, str] = (POWER_ON, "")
    resumed: dict[str, str] = field(default_factory=dict)
    _runs: dict[str, OpenRun] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def __call__(self, version: str) -> Observation:
        """Boot it once. Raises InfrastructureError where the lab's own equipment fails again and again."""
        run = self._run(version)
        for _ in range(_TRIES):
            record = run.boot()
            if record.failure is None or not record.failure.cause.of_the_lab:
                return self._observation(version, run, record)
        assert record.failure is not None
        raise InfrastructureError(
            f"{version}: the lab failed {_TRIES} boots in a row: {record.failure.sentence} "
            "Go on with the same command line when that is mended"
        )

    def _run(self, version: str) -> OpenRun:
        if version not in self._runs:
            series = self.series(version)
            folder = self._folder(series.results, self.resumed.get(version))
            self._runs[version] = self._stack.enter_context(series.open(folder))
        return self._runs[version]

    def _folder(self, results: Path, run_id: str | None) -> Path | None:
        """Where an earlier part of the search recorded the version; None where that was removed."""
        try:
            return find_run(results, run_id) if run_id else None
        except UsageError:
            return None

    def _observation(self, version: str, run: OpenRun, record: BootRecord) -> Observation:
        failure = record.failure
        if failure is not None:
            detail = f"{failure.cause}: {failure.sentence}"
            return Observation(version=version, failed=True, detail=detail, run=run.writer.run_id)
        seconds = self._seconds(version, record)
        return Observation(version=version, failed=False, seconds=seconds, run=run.writer.run_id)

    def _seconds(self, version: str, record: BootRecord) -> float:
        start, end = self.span
        timeline = record.timeline
        end = end or timeline.milestones[-1].name
        first = 0.0 if start == POWER_ON else timeline.since_power_on(start)
        last = timeline.since_power_on(end)
        if first is None or last is None:
            missing = start if first is None else end
            seen = ", ".join(m.name for m in timeline.milestones)
            raise UsageError(f"{version} has no milestone {missing!r}; it has {seen}")
        return last - first
