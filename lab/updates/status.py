"""What people ask of a server, read from its state: groups, nodes, locks. The server need not run."""

import json
from collections import Counter
from typing import Any

from sqlalchemy import func, select

from lab.updates import tables
from lab.updates.omaha.events import Events
from lab.updates.record import Record


def groups(record: Record) -> list[dict[str, Any]]:
    """Every group with its limits, what is taken of them, how its nodes stand, and why it is paused."""
    paused = {row["label"]: row["paused"] for row in record.rows(select(tables.controls))}
    found = []
    for row in record.rows(select(tables.served)):
        label = str(row["label"])
        group = {"group": label, "paused": paused.get(label, ""), **json.loads(row["detail"])}
        group |= _OF[label.partition("/")[0]](record, label)
        lost, tolerated = group.get("lost", 0), group.get("tolerate_lost", 0)
        if lost > tolerated and not group["paused"]:
            group["paused"] = f"{lost} never came back, {tolerated} tolerated"
        found.append(group)
    return found


def nodes(record: Record, group: str = "") -> list[dict[str, Any]]:
    """Every node of Omaha and of the graph server; `group`: its label."""
    found = [
        {**row, "group": f"omaha/{row['app']}/{row['group']}", "target": row["target"] or ""}
        for row in record.rows(select(tables.omaha_nodes))
    ]
    for row in record.rows(select(tables.graph_nodes)):
        status = "offered" if row["offered"] else "idle"
        found.append(
            {**row, "group": f"cincinnati/{row['stream']}", "status": status, "target": row["offered"]}
        )
    return [node for node in found if group in ("", node["group"])]


def locks(record: Record) -> list[dict[str, Any]]:
    """Who may reboot now, and who never came back."""
    found = []
    for state, table in (("locked", tables.locks), ("lost", tables.lost)):
        for row in record.rows(select(table).order_by(table.c.since)):
            found.append({**row, "group": f"fleetlock/{row['group']}", "state": state})
    return found


def _of_omaha(record: Record, label: str) -> dict[str, Any]:
    _, app, group = label.split("/")
    table = tables.omaha_nodes.c
    wanted = (
        select(table.status, table.version, func.count().label("count"))
        .where(table.app == app, table.group == group)
        .group_by(table.status, table.version)
    )
    states: Counter[str] = Counter()
    versions: Counter[str] = Counter()
    for row in record.rows(wanted):
        states[row["status"]] += row["count"]
        versions[row["version"]] += row["count"]
    taken = sum(states[status] for status in Events.OPEN)
    return {"taken": taken, "states": dict(states), "versions": dict(versions)}


def _of_graph(record: Record, label: str) -> dict[str, Any]:
    table = tables.graph_nodes.c
    wanted = (
        select(table.version, func.count().label("count"))
        .where(table.stream == label.partition("/")[2])
        .group_by(table.version)
    )
    return {"versions": {row["version"]: row["count"] for row in record.rows(wanted)}}


def _of_lock(record: Record, label: str) -> dict[str, Any]:
    name = label.partition("/")[2]
    taken, lost = (
        record.rows(select(func.count().label("count")).select_from(table).where(table.c.group == name))
        for table in (tables.locks, tables.lost)
    )
    return {"taken": taken[0]["count"], "lost": lost[0]["count"]}


_OF = {"omaha": _of_omaha, "cincinnati": _of_graph, "fleetlock": _of_lock}
