"""When the power goes: a function of a seed and a number. Pure.

Every stage of every operation gets its turn. Most cuts come in the middle of a write, counted from the
stage's beginning: what the disk holds is decided by its writes and flushes, so moments between them prove
little. Some come at any time of an operation, as cuts do.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

ONCE_IN = 5  # one cut in so many comes at any time
WRITES = 64  # the highest number of a write that is drawn; low ones come more often


class Operation(StrEnum):
    """What the node is doing when its power goes."""

    UPGRADE = "upgrade"
    ROLLBACK = "rollback"
    CONFIG = "config"
    INSTALL = "install"


# Three cuts have one of each but the installation, which takes longest. Seven has no factor of ONCE_IN.
_TURNS = (
    Operation.CONFIG,
    Operation.ROLLBACK,
    Operation.UPGRADE,
    Operation.ROLLBACK,
    Operation.UPGRADE,
    Operation.INSTALL,
    Operation.UPGRADE,
)


@dataclass(frozen=True, slots=True)
class CutPlan:
    """Cut `number` of a `seed`, in the operation that is running and after `stage` was reached: in the middle
    of its write number `write`, or `delay` seconds later where that is 0.

    `disk_seed` decides what the disk loses.
    """

    seed: int
    number: int
    operation: Operation
    stage: str
    delay: float
    write: int
    disk_seed: int

    def __str__(self) -> str:
        when = f"write {self.write}" if self.write else f"{self.delay:.2f} s"
        return f"cut {self.number} of seed {self.seed}: {self.operation}, {when} after {self.stage}"


def plan_cut(
    seed: int,
    number: int,
    stages: Mapping[Operation, tuple[str, ...]],
    seconds: Mapping[Operation, float],
) -> CutPlan:
    """Return cut `number`. `stages` of each operation, the first is its request; operations without any are
    left out. `seconds` is how long each takes, for the cuts at any time."""
    rng = random.Random(f"{seed}/{number}")
    turns = [operation for operation in _TURNS if stages.get(operation)]
    operation = turns[number % len(turns)]
    names = list(stages[operation])
    disk_seed = rng.randrange(2**32)
    if number % ONCE_IN == ONCE_IN - 1:
        delay = rng.uniform(0, seconds[operation])
        return CutPlan(seed, number, operation, names[0], delay, 0, disk_seed)
    before = sum(turns[n % len(turns)] is operation and n % ONCE_IN != ONCE_IN - 1 for n in range(number))
    random.Random(f"{seed}/{operation}").shuffle(names)
    write = int(WRITES ** rng.random())
    return CutPlan(seed, number, operation, names[before % len(names)], 0.0, write, disk_seed)
