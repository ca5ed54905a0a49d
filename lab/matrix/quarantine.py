"""Places that are not to be trusted: `results/places.json` says which, why and since when.

A place that failed its check comes back by itself when it passes again; one that a person put there stays
until a person takes it out.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.store import utc_now, write_text
from lab.store.codec import decode
from lab.store.writer import disk_errors

FILE = "places.json"
BY_CHECK, BY_PERSON = "check", "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A place in quarantine; `by` says who put it there: check or person. `since` is ISO 8601, UTC."""

    cause: str
    since: str
    by: str = BY_CHECK
    night: str = ""


class Quarantine:
    """The places in quarantine of a results folder. Several processes may use it at once."""

    def __init__(self, results: Path) -> None:
        self._path = results / FILE

    def entries(self) -> dict[str, Entry]:
        """Return all, by place. Raises UsageError where the file is damaged."""
        try:
            document = json.loads(self._path.read_bytes())
            return {str(name): decode(Entry, entry) for name, entry in document["places"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise UsageError(
                f"{self._path}: is damaged ({exc}); mend it, or delete it: then no place is in quarantine"
            ) from exc

    def add(self, place: str, cause: str, *, by: str = BY_CHECK, night: str = "") -> Entry:
        """Put a place in; one that is there already keeps its `since`, and a person's entry stays theirs."""
        with self._changing() as places:
            old = places.get(place)
            if old is not None and old.by == BY_PERSON and by != BY_PERSON:
                return old
            since = old.since if old is not None else utc_now()
            places[place] = Entry(cause=cause, since=since, by=by, night=night)
            return places[place]

    def remove(self, place: str) -> bool:
        """Take a place out; whether it was in."""
        with self._changing() as places:
            return places.pop(place, None) is not None

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Entry]]:
        with disk_errors(self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            guard = self._path.with_name(f".{FILE}.lock").open("w")
        with guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            places = self.entries()
            yield places
            document: dict[str, Any] = {"schema": 1, "places": {k: asdict(v) for k, v in places.items()}}
            write_text(self._path, json.dumps(document, indent=2) + "\n")
