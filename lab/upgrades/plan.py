"""When the power goes: a function of a seed and a number. Pure.

Every stage of every operation gets its turn, one cut after the other; each second cut comes at a random time
instead, so that what lies between the stages is hit, too.
"""

import random
from dataclasses import dataclass
from enum import StrEnum

JITTER_SECONDS = 0.6  # after a stage: what is written there takes a moment


class Operation(StrEnum):
    """What the node is doing when its power goes."""

    UPGRADE = "upgrade"
    ROLLBACK = "rollback"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class CutPlan:
    """Cut `number` of a `seed`: `delay` seconds after `stage` was reached, of the operation that is running.

    `disk_seed` decides what the disk loses.
    """

    seed: int
    number: int
    operation: Operation
    stage: str
    delay: float
    disk_seed: int

    def __str__(self) -> str:
        return (
            f"cut {self.number} of seed {self.seed}: {self.operation}, {self.delay:.2f} s after {self.stage}"
        )


def plan_cut(
    seed: int,
    number: int,
    stages: dict[Operation, tuple[str, ...]],
    seconds: dict[Operation, float],
) -> CutPlan:
    """Return cut `number`. `stages` of each operation, the first is its request; `seconds` is how long it
    takes, for the cuts at random times."""
    rng = random.Random(f"{seed}/{number}")
    turns = [(operation, stage) for operation, names in stages.items() for stage in names]
    operation, stage = turns[(number // 2) % len(turns)]
    delay = rng.uniform(0, JITTER_SECONDS)
    if number % 2:
        operation = rng.choice(tuple(stages))
        stage, delay = stages[operation][0], rng.uniform(0, seconds[operation])
    return CutPlan(seed, number, operation, stage, delay, rng.randrange(2**32))
