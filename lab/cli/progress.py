"""Progress of downloads: bars with rate and time left on a terminal, one line for each file elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Watch = Callable[[str], Callable[[int, int | None], None]]


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """Yield what makes a watcher of the file with a label; each is told of bytes so far, and in all."""
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:

        def watch(label: str) -> Callable[[int, int | None], None]:
            task = bars.add_task(label, total=None)
            # what an earlier attempt left counts as done, not as fast
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield watch


def _lines(console: Console) -> Watch:
    def watch(label: str) -> Callable[[int, int | None], None]:
        def tell(done: int, total: int | None) -> None:
            if done == total:
                console.print(f"{label}: {done} bytes", markup=False, highlight=False, soft_wrap=True)

        return tell

    return watch
