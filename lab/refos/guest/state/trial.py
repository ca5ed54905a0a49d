"""A slot on trial: when it becomes good, when it is given up, and what a boot tells of the one before."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from lab.refos.guest.model import SlotHealth, SlotName, Slots

TRIAL_SECONDS = 90.0  # from the start of the daemon to ready, or the slot is given up


@dataclass(frozen=True, slots=True)
class SwitchRecord:
    """What the store keeps across the reboot into another slot."""

    kind: str  # upgrade or rollback
    source: SlotName
    target: SlotName
    source_version: str
    switched: bool  # False while the target is still being written

    def done(self) -> "SwitchRecord":
        """Return the record of the target as it is when it was written whole."""
        return replace(self, switched=True)

    def dump(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> "SwitchRecord | None":
        """Read what `dump` wrote; None where it is no such record."""
        try:
            data: Any = json.loads(text)
            return cls(
                kind=str(data["kind"]),
                source=SlotName(data["source"]),
                target=SlotName(data["target"]),
                source_version=str(data["source_version"]),
                switched=bool(data["switched"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a boot finds.

    `on_trial`: an upgrade or a rollback switched to this slot, and it is not good yet. `confirmed`: the
    boot loader counts no attempts. `finding` says how the last switch ended, where that is news.
    """

    on_trial: bool = False
    confirmed: bool = True
    finding: str = ""
    forget: bool = False  # the record has served


def judge(slots: Slots, record: SwitchRecord | None) -> Verdict:
    """Compare where we are with where the last operation wanted to be."""
    booted = slots.booted
    if booted is None:
        return Verdict()
    here = slots.slots[booted]
    confirmed = here.health is SlotHealth.GOOD
    if record is None:
        return Verdict(confirmed=confirmed)
    if booted is record.target:
        return Verdict(on_trial=not confirmed, confirmed=confirmed, forget=confirmed)
    if not record.switched:
        finding = f"the {record.kind} of slot {record.target} was interrupted; slot {booted} is as it was"
        return Verdict(confirmed=confirmed, finding=finding, forget=True)
    there = slots.slots.get(record.target)
    version = f" version {there.version}" if there is not None and there.version else ""
    target = f"slot {record.target}{version}"
    finding = f"fell back to slot {booted} version {here.version}: {target} did not become good"
    return Verdict(confirmed=confirmed, finding=finding, forget=True)
