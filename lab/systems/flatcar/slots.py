"""The two slots of Flatcar: what its GPT says of each, which one GRUB boots, what an update makes of them.

In the attributes of a partition: bits 48-51 its priority, 52-55 the tries that are left, 56 whether it was
successful (facts/os.md, section 4; the encoding of Chrome OS' cgpt). Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from lab.errors import UsageError
from lab.systems.flatcar.gpt import Table

USR_TYPE: Final = UUID("5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6")
MOST: Final = 15  # of priority, of tries
_PRIORITY, _TRIES, _SUCCESSFUL = 48, 52, 56
_MASK: Final = 0x1FF << _PRIORITY


@dataclass(frozen=True, slots=True)
class Slot:
    """What the table says of one slot. `priority` 0: never booted."""

    priority: int = 0
    tries: int = 0
    successful: bool = False

    def __post_init__(self) -> None:
        for what, value in (("priority", self.priority), ("tries", self.tries)):
            if not 0 <= value <= MOST:
                raise UsageError(f"{what} {value}: a slot has 0 to {MOST}")

    @classmethod
    def of(cls, attributes: int) -> "Slot":
        """Return the slot that attributes of a partition mean."""
        return cls(
            attributes >> _PRIORITY & 15, attributes >> _TRIES & 15, bool(attributes >> _SUCCESSFUL & 1)
        )

    def within(self, attributes: int) -> int:
        """Return the attributes with this slot in them; all other bits stay."""
        mine = self.priority << _PRIORITY | self.tries << _TRIES | int(self.successful) << _SUCCESSFUL
        return attributes & ~_MASK | mine


Slots = Mapping[int, Slot]  # by number of partition


def slots_of(table: Table, kind: UUID = USR_TYPE) -> dict[int, Slot]:
    """Return the slots of a table: its partitions of a type."""
    return {p.number: Slot.of(p.attributes) for p in table.partitions if p.type == kind}


def with_slots(table: Table, slots: Slots) -> Table:
    """Return the table with these slots."""
    now = {p.number: p.attributes for p in table.partitions}
    return table.with_attributes({number: slot.within(now[number]) for number, slot in slots.items()})


def choose(slots: Slots) -> int | None:
    """Return the slot that boots next: of those that were successful or have tries left the one with the
    highest priority, the first of equals; None where there is none."""
    can = [n for n, slot in sorted(slots.items()) if slot.priority and (slot.successful or slot.tries)]
    return max(can, key=lambda number: slots[number].priority, default=None)


def attempt(slots: Slots) -> tuple[int | None, dict[int, Slot]]:
    """Return the slot that is booted and what GRUB has written by then: a try less, but of a successful."""
    chosen = choose(slots)
    after = dict(slots)
    if chosen is not None and not after[chosen].successful:
        after[chosen] = replace(after[chosen], tries=after[chosen].tries - 1)
    return chosen, after


def prioritize(slots: Slots, number: int | None = None) -> dict[int, Slot]:
    """Return the slots with `number` at the top; the order of the others stays, and the lowest that is not 0
    becomes 1. As `cgpt prioritize`. Raises UsageError where there is no such slot."""
    if number is not None and number not in slots:
        raise UsageError(f"partition {number} is no slot; slots are {', '.join(map(str, slots)) or 'none'}")
    levels = sorted({slot.priority for n, slot in slots.items() if slot.priority and n != number})
    rank = {priority: place for place, priority in enumerate(levels, 1)}
    after = {n: replace(slot, priority=rank.get(slot.priority, 0)) for n, slot in slots.items()}
    if number is not None:
        after[number] = replace(slots[number], priority=len(levels) + 1)
    return after


def installed(slots: Slots, number: int) -> dict[int, Slot]:
    """Return the slots after an update was written to `number`: it is tried once, before all others."""
    return prioritize({**slots, number: replace(slots[number], tries=1, successful=False)}, number)


def marked_good(slots: Slots, number: int) -> dict[int, Slot]:
    """Return the slots after a system ran long enough in `number` (flatcar-setgoodroot)."""
    return prioritize({**slots, number: replace(slots[number], tries=0, successful=True)}, number)
