"""Who may reboot. The protocol knows no time: leases, lost nodes and the health gate are policies of ours.

A slot is given back by its owner, by an operator, or, where the group has a lease, after that time: then its
owner counts as lost until it is heard of again. While more nodes are lost than tolerated, nobody else may
reboot: else an update that breaks every node would be let through, one lease after another.
"""

from collections.abc import Iterable, Sequence

from lab.updates.changes import Changes
from lab.updates.fleetlock.request import Client, LockError
from lab.updates.kinds import Kind
from lab.updates.settings import LockGroup

LOCKS, LOST = "locks", "lost_nodes"


class GroupLocks:
    """One reboot group. `holders`: id -> when the lease began, the oldest first; `lost`: id -> since when."""

    def __init__(self, settings: LockGroup) -> None:
        self.settings = settings
        self.label = f"fleetlock/{settings.name}"
        self.holders: dict[str, float] = {}
        self.lost: dict[str, float] = {}
        self.paused = ""
        # What the health check says; "" is well
        self.unhealthy = f"{settings.health_url} was not asked yet" if settings.health_url else ""


class Ledger:
    """All reboot groups. One owner; every call is one indivisible decision."""

    def __init__(self, groups: Sequence[LockGroup], changes: Changes) -> None:
        self.groups = {group.name: GroupLocks(group) for group in groups}
        self._changes = changes

    def load(self, locks: Iterable[tuple[str, str, float]], lost: Iterable[tuple[str, str, float]]) -> None:
        """Take in what was stored, as (group, id, since). Those of groups that are no more are left out."""
        for group, node, since in sorted(locks, key=lambda lock: lock[2]):
            if group in self.groups:
                self.groups[group].holders[node] = since
        for group, node, since in lost:
            if group in self.groups:
                self.groups[group].lost[node] = since

    def pre_reboot(self, client: Client, now: float) -> None:
        """Take a slot, or keep the one that the client has. Raises LockError where there is none."""
        group = self._group(client)
        self._expire(group, now)
        node = client.id
        if node in group.holders:
            group.holders.pop(node)  # it lives: its lease begins anew, and the oldest stay in front
        else:
            self._check(group, node)
            self._changes.tell(now, group.label, node, Kind.LOCKED)
        group.holders[node] = now
        self._changes.put(LOCKS, (group.settings.name, node), (group.settings.name, node, now))
        self._found(group, node, now)

    def steady_state(self, client: Client, now: float) -> None:
        """Give the slot back, if the client has one. Raises LockError for an unknown group."""
        group = self._group(client)
        self._expire(group, now)
        if group.holders.pop(client.id, None) is not None:
            self._changes.put(LOCKS, (group.settings.name, client.id), None)
            self._changes.tell(now, group.label, client.id, Kind.UNLOCKED)
        self._found(group, client.id, now)

    def expire(self, now: float) -> None:
        """Take the slots whose leases ran out."""
        for group in self.groups.values():
            self._expire(group, now)

    def free(self, name: str, node: str, reason: str, now: float) -> bool:
        """An operator takes a node's slot, or calls a lost node found; False where it is neither."""
        group = self.groups[name]
        held = group.holders.pop(node, None) is not None
        if held:
            self._changes.put(LOCKS, (name, node), None)
        elif node not in group.lost:
            return False
        self._changes.tell(now, group.label, node, Kind.FREED, reason=reason)
        if group.lost.pop(node, None) is not None:
            self._changes.put(LOST, (name, node), None)
        return True

    def _group(self, client: Client) -> GroupLocks:
        group = self.groups.get(client.group)
        if group is None:
            raise LockError(400, "unknown_group", f"unknown group {client.group}")
        return group

    def _check(self, group: GroupLocks, node: str) -> None:
        """Raise LockError where no further node may have a slot."""
        slots, others = group.settings.slots, [lost for lost in group.lost if lost != node]
        if group.paused:
            raise LockError(409, "failed_lock_paused", f"the group is paused: {group.paused}")
        if len(others) > group.settings.tolerate_lost:
            raise LockError(
                409,
                "failed_lock_nodes_lost",
                f"{others[0]} rebooted and never came back ({len(others)} lost)",
            )
        if group.unhealthy:
            raise LockError(409, "failed_lock_unhealthy", f"the group is not well: {group.unhealthy}")
        if len(group.holders) >= slots:
            raise LockError(
                409, "failed_lock_semaphore_full", f"semaphore currently full, all {slots} slots are locked"
            )

    def _expire(self, group: GroupLocks, now: float) -> None:
        lease, name = group.settings.lease_seconds, group.settings.name
        if lease is None:
            return
        late = []
        for node, since in group.holders.items():
            if since + lease > now:
                break
            late.append((node, since))
        for node, since in late:
            del group.holders[node]
            group.lost[node] = now
            self._changes.put(LOCKS, (name, node), None)
            self._changes.put(LOST, (name, node), (name, node, now))
            self._changes.tell(now, group.label, node, Kind.EXPIRED, after=round(now - since, 3))

    def _found(self, group: GroupLocks, node: str, now: float) -> None:
        if group.lost.pop(node, None) is not None:
            self._changes.put(LOST, (group.settings.name, node), None)
            self._changes.tell(now, group.label, node, Kind.RETURNED)
