"""How a simulated node behaves: durations and faults, drawn from a seed and its name."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with a node; each shows when its configuration or its image is changed."""

    NONE = "none"
    GONE = "gone"  # answers no more once its configuration was changed
    MUTE = "mute"  # is ready and asks no DNS server
    UNREADY = "unready"  # never gets ready: its resolver seems to be silent
    SLOW = "slow"  # takes a minute
    FULL = "full"  # cannot save anything
    BAD_IMAGE = "bad-image"  # an upgrade is written and does not boot: it falls back


@dataclass(frozen=True)
class Behaviour:
    """`faults`: which share of the nodes has which fault; `named`: which node has which, whatever is drawn.

    Seconds are (shortest, longest).
    """

    seed: int = 0
    named: Mapping[str, Fault] = field(default_factory=dict)
    faults: Mapping[Fault, float] = field(default_factory=dict)
    settle_seconds: tuple[float, float] = (0.0, 0.0)
    reboot_seconds: tuple[float, float] = (0.5, 2.0)
    write_seconds: tuple[float, float] = (0.5, 2.0)

    def fault_of(self, name: str) -> Fault:
        """The fault of a node: always the same for a seed and a name."""
        if name in self.named:
            return self.named[name]
        drawn = self._random(name, "fault").random()
        for fault, share in self.faults.items():
            drawn -= share
            if drawn < 0:
                return fault
        return Fault.NONE

    def seconds(self, name: str, what: str, limits: tuple[float, float]) -> float:
        """How long something takes at a node."""
        return self._random(name, what).uniform(*limits)

    def _random(self, name: str, what: str) -> random.Random:
        return random.Random(f"{self.seed}/{name}/{what}")
