"""Tables and JSON documents of `bootlab updates`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lab.cli.api import clock, print_table
from lab.measure.statistics import Summary
from lab.updates.record import Kept, Told
from lab.updates.timing import Attempt

SCHEMA = 1


def groups(found: Sequence[Mapping[str, Any]]) -> None:
    """How they stand."""
    columns = ("group", "slots", "nodes", "paused")
    print_table(columns, _group_rows(found), "the server has not run yet, or its file has no groups")


def group_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The same as lines, for a live view."""
    rows = [("group", "slots", "nodes", "paused"), *_group_rows(found)]
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def limits(found: Sequence[Mapping[str, Any]]) -> None:
    """Their limits."""
    hidden = {"group", "paused", "taken", "lost", "states", "versions"}
    rows = (
        (
            group["group"],
            " ".join(f"{key}={value}" for key, value in group.items() if key not in hidden and value != -1),
        )
        for group in found
    )
    print_table(("group", "limits"), rows, "no groups")


def nodes(found: Sequence[Mapping[str, Any]]) -> None:
    """Nodes."""
    rows = (
        [
            n["node"],
            n["group"],
            n["version"],
            n["target"],
            n["status"],
            clock(n["last_seen"]),
            n.get("why", ""),
        ]
        for n in found
    )
    print_table(("node", "group", "runs", "target", "status", "last seen", "why"), rows, "no nodes yet")


def locks(found: Sequence[Mapping[str, Any]]) -> None:
    """Locks and lost nodes."""
    rows = ([lock["group"], lock["node"], lock["state"], clock(lock["since"])] for lock in found)
    print_table(("group", "node", "state", "since"), rows, "nobody holds a slot, nobody is lost")


def event(told: Told) -> str:
    """One line; what a node sends is made harmless."""
    words = " ".join(f"{key}={value}" for key, value in told.detail.items() if value != "")
    line = f"{told.seq} {clock(told.at)} {told.group} {told.node or '-'} {told.kind} {words}".rstrip()
    return "".join(char if char.isprintable() else "?" for char in line)


def attempts(found: Sequence[Attempt]) -> None:
    """Updates, one by one."""
    rows = (
        [
            a.group,
            a.version,
            a.outcome,
            ", ".join(f"{name} {seconds:.1f} s" for name, seconds in a.stages().items()),
        ]
        for a in found
    )
    print_table(("group", "version", "outcome", "stages"), rows, "this node had no update")


def statistics(found: Mapping[tuple[str, str, str], Summary]) -> None:
    """Statistics over nodes; what needs more updates is left out."""
    rows = (
        [*key, s.n, _seconds(s.median), _seconds(s.mad), _seconds(s.p95), _seconds(s.min), _seconds(s.max)]
        for key, s in found.items()
    )
    columns = ("group", "outcome", "stage", "updates", "median", "MAD", "p95", "min", "max")
    print_table(columns, rows, "no update is over yet")


def timing_document(
    found: Iterable[Attempt], summaries: Mapping[tuple[str, str, str], Summary]
) -> dict[str, Any]:
    """Everything, for other programs."""
    return {
        "schema": SCHEMA,
        "kind": "updates-timing",
        "updates": [attempt.as_json() for attempt in found],
        "statistics": [
            {"group": group, "outcome": outcome, "stage": stage, **asdict(summary)}
            for (group, outcome, stage), summary in summaries.items()
        ],
    }


def kept(found: Mapping[str, Kept]) -> None:
    """What the record says of the limits."""
    rows = (
        [label, "none" if k.limit is None else k.limit, k.most, k.taken, "; ".join(k.broken[:5]) or "kept"]
        for label, k in found.items()
    )
    print_table(("group", "limit", "most at once", "slots given", "limits"), rows, "the record is empty")


def kept_document(found: Mapping[str, Kept]) -> list[dict[str, Any]]:
    """The same for other programs."""
    return [
        {"group": label, "limit": k.limit, "most": k.most, "given": k.taken, "broken": k.broken}
        for label, k in found.items()
    ]


def _group_rows(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str]]:
    return [(g["group"], _slots(g), _counts(g), g["paused"] or "-") for g in found]


def _slots(group: Mapping[str, Any]) -> str:
    if "taken" not in group:
        return "-"
    limit = group.get("slots", group.get("max_concurrent", -1))
    lost = f", {group['lost']} lost" if group.get("lost") else ""
    return f"{group['taken']} of {_shown(limit)}{lost}"


def _counts(group: Mapping[str, Any]) -> str:
    versions = (
        f"{count} run {version or '?'}" for version, count in sorted(group.get("versions", {}).items())
    )
    said = (f"{count} {state}" for state, count in sorted(group.get("states", {}).items()))
    return "; ".join(part for part in (", ".join(versions), ", ".join(said)) if part)


def _shown(value: Any) -> str:
    return "any number" if value == -1 else str(value)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
