"""The state of all three servers: loaded from the store, changed by decisions, controlled by people."""

import json
from typing import Any

from lab.errors import UsageError
from lab.updates import tables
from lab.updates.changes import Changes
from lab.updates.cincinnati import ledger as cincinnati
from lab.updates.cincinnati.ledger import GraphNode
from lab.updates.fleetlock import ledger as fleetlock
from lab.updates.fleetlock.ledger import GroupLocks
from lab.updates.kinds import Kind
from lab.updates.omaha import ledger as omaha
from lab.updates.omaha.group import GroupState
from lab.updates.omaha.instance import Instance
from lab.updates.settings import Settings
from lab.updates.store import Store

_CONTROLS = "controls"


class State:
    """One owner: the event loop. `changes` holds what was decided and is not yet with the committer."""

    def __init__(self, settings: Settings, packages: omaha.Packages, store: Store) -> None:
        self.settings, self._packages, self._store = settings, packages, store
        self.changes = Changes()
        self._unhealthy: dict[str, str] = {}
        self.omaha = omaha.Ledger((), {}, self.changes, 0)
        self.cincinnati = cincinnati.Ledger((), self.changes, 0)
        self.fleetlock = fleetlock.Ledger((), self.changes)

    def load(self, now: float) -> None:
        """Make memory what the disk says. Raises StoreError, and then nothing is changed."""
        made = self.settings
        longest = max((group.policy.period_seconds for app in made.apps for group in app.groups), default=0.0)
        one = omaha.Ledger(made.apps, self._packages, self.changes, made.max_nodes)
        two = cincinnati.Ledger(made.streams, self.changes, made.max_nodes)
        three = fleetlock.Ledger(made.locks, self.changes)
        one.load(
            [Instance(*row) for row in self._store.rows(tables.omaha_nodes)],
            self._store.grants(now - longest),
        )
        two.load([GraphNode(*row) for row in self._store.rows(tables.graph_nodes)])
        three.load(
            [(group, node, since) for group, node, since in self._store.rows(tables.locks)],
            [(group, node, since) for group, node, since in self._store.rows(tables.lost)],
        )
        controls = self._store.rows(tables.controls)
        self.changes.take()
        self.omaha, self.cincinnati, self.fleetlock = one, two, three
        for label, reason, _ in controls:
            if label in self.labels():
                self._set_paused(label, reason)
        for name, reason in self._unhealthy.items():
            self.fleetlock.groups[name].unhealthy = reason

    def labels(self) -> list[str]:
        """Everything that can be paused, by the names that people use."""
        groups = [group.label for group in self.omaha.groups.values()]
        streams = [f"cincinnati/{name}" for name in self.cincinnati.streams]
        return [*groups, *streams, *(group.label for group in self.fleetlock.groups.values())]

    def announce(self, now: float) -> dict[str, dict[str, Any]]:
        """Note the limits that are new; returns what is served, for `Store.describe`."""
        former = {label: json.loads(detail) for label, detail in self._store.rows(tables.served)}
        made = described(self.settings)
        for label, said in made.items():
            if former.get(label) != said:
                self.changes.tell(now, label, "", Kind.LIMITS, **said)
        return made

    def tick(self, now: float) -> None:
        """What happens by time alone."""
        self.omaha.expire(now)
        self.fleetlock.expire(now)

    def forget(self, now: float) -> None:
        """Drop nodes that were not heard of for long: others need their places."""
        before = now - self.settings.forget_seconds
        self.omaha.forget(before)
        self.cincinnati.forget(before)

    def unhealthy(self, name: str, reason: str) -> None:
        """The health check of a reboot group says so; "" is well."""
        self._unhealthy[name] = reason
        self.fleetlock.groups[name].unhealthy = reason

    def pause(self, label: str, reason: str, now: float) -> None:
        """Let nobody begin in this group. Raises UsageError for an unknown one."""
        self._known(label)
        self._set_paused(label, reason)
        self.changes.put(_CONTROLS, (label,), (label, reason, now))
        self.changes.tell(now, label, "", Kind.PAUSED, reason=reason)

    def release(self, label: str, now: float) -> None:
        """Let it go on. Raises UsageError for an unknown group."""
        self._known(label)
        self._set_paused(label, "")
        self.changes.put(_CONTROLS, (label,), None)
        self.changes.tell(now, label, "", Kind.RELEASED)

    def release_node(self, label: str, node: str, now: float) -> None:
        """Offer updates to a node again that failed too often. Raises UsageError where there is none."""
        self._known(label)
        protocol, app, _ = (*label.split("/"), "", "")[:3]
        if protocol != "omaha" or not self.omaha.release(app, node):
            raise UsageError(f"{label} has no node {node!r} that could be released")
        self.changes.tell(now, label, node, Kind.RELEASED)

    def unlock(self, label: str, node: str, reason: str, now: float) -> None:
        """Take a node's reboot slot. Raises UsageError where it has none."""
        self._known(label)
        protocol, _, name = label.partition("/")
        if protocol != "fleetlock":
            raise UsageError(f"{label} has no locks; the groups that have begin with fleetlock/")
        if not self.fleetlock.free(name, node, reason, now):
            raise UsageError(f"{node!r} holds no slot of {label}, and is not lost")

    def _known(self, label: str) -> None:
        if label not in self.labels():
            raise UsageError(f"there is no group {label!r}; there are {', '.join(self.labels()) or 'none'}")

    def _set_paused(self, label: str, reason: str) -> None:
        protocol, _, name = label.partition("/")
        if protocol == "cincinnati":
            self.cincinnati.paused.pop(name, None)
            if reason:
                self.cincinnati.paused[name] = reason
        else:
            self._group(label).paused = reason

    def _group(self, label: str) -> GroupState | GroupLocks:
        every: list[GroupState | GroupLocks] = [*self.omaha.groups.values(), *self.fleetlock.groups.values()]
        return next(group for group in every if group.label == label)


def described(settings: Settings) -> dict[str, dict[str, Any]]:
    """What is served and its limits, by label; numbers and words only. -1: no such limit."""
    said: dict[str, dict[str, Any]] = {}
    for app in settings.apps:
        for group in app.groups:
            policy = group.policy
            said[f"omaha/{app.name}/{group.name}"] = {
                "version": group.channel.version,
                "enabled": int(policy.enabled),
                "max_concurrent": _number(policy.max_concurrent),
                "max_per_period": _number(policy.max_per_period),
                "period_seconds": policy.period_seconds,
                "update_timeout_seconds": policy.update_timeout_seconds,
                "safe_mode": int(policy.safe_mode),
            }
    for stream in settings.streams:
        newest = stream.releases[-1].version if stream.releases else ""
        said[f"cincinnati/{stream.name}"] = {"version": newest, "releases": len(stream.releases)}
    for lock in settings.locks:
        said[f"fleetlock/{lock.name}"] = {
            "slots": lock.slots,
            "lease_seconds": _number(lock.lease_seconds),
            "tolerate_lost": lock.tolerate_lost,
        }
    return said


def _number(value: float | None) -> float:
    return -1 if value is None else value
