"""What is told of a night: a subject, a text for people, and the same as JSON for programs. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from lab.matrix.changes import Changes, summary
from lab.matrix.night import Night


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message. `document` is what webhooks get; its `text` is what chat programs show."""

    subject: str
    text: str
    document: Mapping[str, Any]


def message_of(night: Night, changed: Changes, page: str = "") -> Message:
    """Return what is to be told: only what changed, and in a line how the whole night stands.

    `page` is the URL of the operator page, which shows the night; "": nothing links there.
    """
    subject = f"bootlab {night.matrix}: {_headline(night, changed)}"
    against = f"against {changed.since}" if changed.since else "the first of its matrix"
    lines = [subject, f"night {night.id}, {against}", ""]
    for change in changed.found:
        lines.append(f"{change.kind.value.upper()}: {change.sentence}")
        lines += [f"    {detail}" for detail in change.details]
        if change.runs:
            lines.append(f"    runs: {', '.join(change.runs)}")
    lines += ["", *(f"Note: {note}." for note in (*changed.notes, *night.warnings)), _totals(night)]
    link = f"{page.rstrip('/')}/#/nights/{quote(night.id, safe='')}" if page else ""
    lines += [link] if link else []
    text = "\n".join(_printable(line) for line in lines)
    document = {
        "schema": 1,
        "text": text,
        "matrix": night.matrix,
        "night": night.id,
        "since": changed.since,
        "how": night.how,
        "page": link,
        "changes": [asdict(change) for change in changed.found],
        "notes": [*changed.notes, *night.warnings],
        "cells": {standing.value: count for standing, count in summary(night).items()},
    }
    return Message(subject=_printable(subject), text=text, document=document)


def _headline(night: Night, changed: Changes) -> str:
    kinds = [change.kind.value for change in changed.found]
    counts = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    ended = {"disk": "the disk was full; ", "stopped": "stopped; ", "deadline": "cut by the deadline; "}
    return ended.get(night.how, "") + (", ".join(counts) or "nothing changed")


def _totals(night: Night) -> str:
    counts = [f"{count} {standing.value}" for standing, count in summary(night).items() if count]
    boots = sum(len(cell.boots) for cell in night.cells.values())
    return f"{len(night.cells)} cells: {', '.join(counts)}; {boots} boots."


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
