"""What the report says of settings: the levers of one boot, from its record and the events beside it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.measure.levers import Lever, levers
from lab.model import BootRecord
from lab.store.run import load_events
from pxe.events import Event, from_json


def advice(folder: Path, record: BootRecord) -> tuple[Lever, ...]:
    """Return the levers of a boot of the run in `folder`; none where its events are not there.

    Only of a boot that got ready: what a failed one waited for is its failure's business.
    """
    path = folder / f"events-{record.index:03}.jsonl"
    if not record.ready or not path.is_file():
        return ()
    try:
        found = load_events(path)
    except UsageError:
        return ()
    return levers(record.timeline, list(_known(found)))


def _known(objects: Iterable[dict[str, Any]]) -> Iterable[Event]:
    for obj in objects:
        try:
            yield from_json(obj)
        except ValueError:  # of a newer service
            continue
