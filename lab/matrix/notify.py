"""Tell people what changed: every webhook and every mail of the matrix, each with its own patience."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from urllib.parse import urlsplit

from lab.errors import LabError
from lab.matrix.changes import Changes, changes
from lab.matrix.deliver import PAUSES, deliver
from lab.matrix.journal import Journal
from lab.matrix.mail import send
from lab.matrix.message import Message, message_of
from lab.matrix.model import Matrix, Secret
from lab.matrix.night import Night, earlier_nights
from lab.matrix.webhook import post


def changes_of(night: Night, matrix: Matrix) -> Changes:
    """What changed since the nights before, which are read from the same results."""
    results = night.folder.parent.parent
    return changes(night, list(earlier_nights(results, night)), matrix.noticed)


def tell(
    matrix: Matrix,
    night: Night,
    changed: Changes,
    *,
    warn: Callable[[str], None],
    pauses: Sequence[float] = PAUSES,
) -> dict[str, str]:
    """Tell whom the matrix names; return by name "" or why it did not go, which `warn` hears, too.

    Nothing is told of a night in which nothing changed, unless the matrix says `always`.
    """
    if not changed.found and not matrix.always and night.how != "disk":
        return {}
    message = message_of(night, changed, matrix.page)
    told = {}
    for name, action in _ways(matrix, message):
        told[name] = deliver(action, pauses=pauses)
        if told[name]:
            warn(f"{name} was not told: {told[name]}")
    _note(night, told, warn)
    return told


def _ways(matrix: Matrix, message: Message) -> Iterator[tuple[str, Callable[[], None]]]:
    for number, hook in enumerate(matrix.webhooks, 1):
        host = "" if isinstance(hook.url, Secret) else f" ({urlsplit(hook.url).hostname})"
        yield f"webhook {number}{host}", partial(post, hook, message)
    for number, mail in enumerate(matrix.mails, 1):
        yield f"mail {number} ({mail.server})", partial(send, mail, message)


def _note(night: Night, told: dict[str, str], warn: Callable[[str], None]) -> None:
    try:
        with Journal(night.folder, fresh=False) as journal:
            for name, error in told.items():
                journal.write("told", to=name, error=error)
    except LabError as exc:
        warn(f"who was told is not written down: {exc}")
