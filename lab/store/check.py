"""Read a run as a doubter: what its records say that cannot be, beyond what a reader refuses."""

from collections import Counter
from collections.abc import Iterator

from lab.model import BootRecord
from lab.store.run import Run


def contradictions(run: Run) -> list[str]:
    """Return a sentence for each thing in the records that cannot be so; none for a run that is whole.

    Not the warnings of `load_run`, which are of runs that were cut short.
    """
    return [*_of_the_run(run), *(fault for boot in run.boots for fault in _of_a_boot(run, boot))]


def _of_the_run(run: Run) -> Iterator[str]:
    info = run.info
    if run.folder.name != info.run_id:
        yield f"run.json is of run {info.run_id}, and the folder is called {run.folder.name}"
    if info.finished_at and info.finished_at < info.started_at:
        yield f"it ended ({info.finished_at}) before it began ({info.started_at}): the host's clock jumped"
    for index, times in Counter(boot.index for boot in run.boots).items():
        if times > 1:
            yield f"boot {index + 1} is there {times} times: two programs wrote one run"


def _of_a_boot(run: Run, boot: BootRecord) -> Iterator[str]:
    name, line, info = f"boot {boot.index + 1}", boot.timeline, run.info
    if boot.run_id != info.run_id:
        yield f"{name} is of run {boot.run_id}"
    if (boot.place, boot.board_type) != (info.place, info.board_type):
        yield f"{name} is of {boot.place} ({boot.board_type}), the run of {info.place} ({info.board_type})"
    if any(m.t_ns < line.t0_ns for m in line.milestones):
        yield f"{name}: a milestone lies before power-on"
    if any(a.t_ns > b.t_ns for a, b in zip(line.milestones, line.milestones[1:], strict=False)):
        yield f"{name}: its milestones are not in the order of their times"
    if any(t.end_ns < t.start_ns for t in line.transfers):
        yield f"{name}: a transfer ends before it begins"
    if boot.ready == (boot.failure is not None):
        odd = "ready, and has a cause of failure" if boot.ready else "not ready, without a cause"
        yield f"{name} is {odd}"
    for kept in (boot.console, boot.pcap):
        if kept and (kept.startswith("/") or ".." in kept.split("/")):
            yield f"{name}: {kept} lies outside of the run"
        elif kept and not (run.folder / kept).is_file():
            yield f"{name}: {kept} is missing"
