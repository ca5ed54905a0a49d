"""Flatcar's two USR partitions with their GPT attributes, as GRUB's gptprio and cgpt treat them."""

from dataclasses import dataclass


@dataclass
class Slot:
    """A partition: which version it has, and the bits by which it is chosen."""

    version: str
    priority: int = 0
    tries: int = 0
    successful: bool = False


class Slots:
    """USR-A and USR-B."""

    def __init__(self, version: str) -> None:
        self.slots = [Slot(version, priority=1, successful=True), Slot("")]
        self.booted = 0

    @property
    def version(self) -> str:
        """What runs."""
        return self.slots[self.booted].version

    def install(self, version: str) -> None:
        """Write the other slot, and have it tried once, first."""
        self.slots[1 - self.booted] = Slot(version, priority=2, tries=1)
        self.slots[self.booted].priority = 1

    def choose(self) -> Slot:
        """Boot: the highest priority that is known to be good or has a try left, which it costs."""
        able = [n for n, slot in enumerate(self.slots) if slot.version and (slot.successful or slot.tries)]
        self.booted = max(able, key=lambda n: self.slots[n].priority)
        slot = self.slots[self.booted]
        if not slot.successful:
            slot.tries -= 1
        return slot

    def mark_good(self) -> None:
        """update_engine, 45 seconds after its start: no more tries, and first from now on."""
        slot = self.slots[self.booted]
        slot.successful, slot.tries, slot.priority = True, 0, 2
        self.slots[1 - self.booted].priority = 1
