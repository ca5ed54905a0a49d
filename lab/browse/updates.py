"""How the update servers of this lab stand, read from their state beside them."""

from contextlib import closing
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.updates import status
from lab.updates.config import read_settings
from lab.updates.record import Record

_MOST_LOCKS, _MOST_EVENTS = 100, 20


def updates(file: Path | None) -> dict[str, Any]:
    """Groups, reboot slots and the newest events; `problem` says why there is nothing to tell."""
    told: dict[str, Any] = {
        "served": file is not None,
        "problem": "",
        "groups": [],
        "locks": [],
        "events": [],
    }
    if file is None:
        return told
    try:
        with closing(Record(read_settings(file).state)) as record:
            told["groups"] = [_group(group) for group in status.groups(record)]
            told["locks"] = status.locks(record)[:_MOST_LOCKS]
            newest = record.newest()
            told["events"] = [_event(e.as_json()) for e in record.events(max(0, newest - _MOST_EVENTS))][::-1]
    except LabError as exc:
        told["problem"] = str(exc)
    return told


def _group(group: dict[str, Any]) -> dict[str, Any]:
    limit = group.get("slots", group.get("max_concurrent", -1))
    return {
        "group": group["group"],
        "paused": group["paused"],
        "version": group.get("version", ""),
        "taken": group.get("taken", 0),
        "limit": None if limit == -1 else limit,
        "lost": group.get("lost", 0),
        "versions": group.get("versions", {}),
        "states": group.get("states", {}),
    }


def _event(event: dict[str, Any]) -> dict[str, Any]:
    head = {key: event.pop(key) for key in ("seq", "at", "group", "node", "kind")}
    return head | {"detail": " ".join(f"{key}={value}" for key, value in event.items() if value != "")}
