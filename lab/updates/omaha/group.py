"""A group while it is served: who has a slot, how many were granted lately, and whether one more may be.

Nebraska's policy has one number, for "at once" and "in a period"; here they are two. A slot is taken by the
grant and given back when the node says how it went, or after the update timeout.
"""

from collections import deque
from datetime import datetime
from enum import StrEnum

from lab.updates.settings import OfficeHours, OmahaGroup


class Refusal(StrEnum):
    """Why a node gets no update now; what people read."""

    PAUSED = "the group is paused"
    DISABLED = "updates are disabled by the group's policy"
    CLOSED = "outside office hours"
    SAFE_MODE = "safe mode: one node goes first, and is not through yet"
    CONCURRENT = "as many nodes as allowed are being updated"
    PERIOD = "as many updates as allowed were begun in this period"


def is_open(hours: OfficeHours, now: float) -> bool:
    """Whether `now` (seconds since 1970) lies in the office hours."""
    there = datetime.fromtimestamp(now, hours.timezone)
    return there.weekday() in hours.days and hours.begin <= there.time() < hours.end


class GroupState:
    """Slots are kept in the order of their grants, so those that run out are at the front."""

    def __init__(self, app: str, settings: OmahaGroup) -> None:
        self.settings = settings
        self.label = f"omaha/{app}/{settings.name}"
        self.paused = ""  # why; "" is running
        self.proven: set[str] = set()  # versions that one node runs after an update
        self.slots: dict[str, float] = {}  # node -> when it was granted
        self._grants: deque[float] = deque()

    def refusal(self, version: str, now: float) -> Refusal | None:
        """Why no update to `version` may begin now; None where one may."""
        policy = self.settings.policy
        if self.paused:
            return Refusal.PAUSED
        if not policy.enabled:
            return Refusal.DISABLED
        if policy.office_hours is not None and not is_open(policy.office_hours, now):
            return Refusal.CLOSED
        if policy.safe_mode and version not in self.proven and self.slots:
            return Refusal.SAFE_MODE
        if policy.max_concurrent is not None and len(self.slots) >= policy.max_concurrent:
            return Refusal.CONCURRENT
        while self._grants and self._grants[0] <= now - policy.period_seconds:
            self._grants.popleft()
        if policy.max_per_period is not None and len(self._grants) >= policy.max_per_period:
            return Refusal.PERIOD
        return None

    def take(self, node: str, now: float) -> None:
        """A node is granted an update. Only after `refusal` said None."""
        self.slots[node] = now
        self.remember(now)

    def remember(self, granted: float) -> None:
        """Count a grant for the period; in the order of time."""
        if self.settings.policy.max_per_period is not None:
            self._grants.append(granted)

    def give(self, node: str) -> bool:
        """Take the slot of a node back; False where it has none."""
        return self.slots.pop(node, None) is not None

    def run_out(self, now: float) -> list[str]:
        """The nodes whose updates took too long; they keep their slots until `give`."""
        late, timeout = [], self.settings.policy.update_timeout_seconds
        for node, granted in self.slots.items():
            if granted + timeout > now:
                break
            late.append(node)
        return late
