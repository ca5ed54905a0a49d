"""Waiting for the moment of a power cut in an operation that runs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.powercut.watch import WriteWatch
from lab.upgrades.operate import InBackground
from lab.upgrades.plan import CutPlan
from lab.upgrades.story import Story

STAGE_SECONDS = 900.0  # until the stage comes, on a busy host
WRITE_SECONDS = 120.0  # until anything is written in it
LAST_SECONDS = 10.0  # how long the last stage, which no other ends, is given for its writes
_LOOK_SECONDS, _COUNT_SECONDS = 1.0, 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When to cut. `at`: the last stage before it, `after`: seconds since the request; `during`: in the write
    of this number since the power-on (0: no write was chosen). `missed`: why the stage did not come."""

    at: str
    after: float
    during: int
    missed: str = ""


def wait_for_moment(
    plan: CutPlan, story: Story, watch: WriteWatch, worker: InBackground, later: Sequence[str]
) -> Moment:
    """Return when the moment of `plan` is there; `later` are the stages that come after its own."""
    deadline = time.monotonic() + STAGE_SECONDS
    while (came := story.wait(plan.stage, _LOOK_SECONDS)) is None and time.monotonic() < deadline:
        if worker.error is not None:
            break
    during = 0
    if came is None:
        missed = str(worker.error or f"{plan.stage} did not come in {STAGE_SECONDS:.0f} s")
        return _moment(story, during, missed)
    if plan.write:
        during = choose_write(plan.write, watch.writes, story, later)
    else:
        story.pause(plan.delay)
    return _moment(story, during)


def choose_write(wanted: int, writes: Callable[[], int], story: Story, later: Sequence[str]) -> int:
    """Wait for write `wanted` from now on and return its number since the power-on.

    A stage that ends with fewer is counted round again; one without any lasts until there is one. 0 where
    nothing is written for WRITE_SECONDS.
    """
    first, begun = writes(), time.monotonic()
    while True:
        over = story.first(later) is not None or (not later and time.monotonic() - begun > LAST_SECONDS)
        came = writes() - first
        if came >= wanted:
            return first + wanted
        if came and over:
            return first + (wanted - 1) % came + 1
        if time.monotonic() - begun > WRITE_SECONDS:
            return 0
        story.pause(_COUNT_SECONDS)


def _moment(story: Story, during: int, missed: str = "") -> Moment:
    timeline = story.timeline()
    last = timeline.milestones[-1].name if timeline.milestones else "nothing"
    return Moment(
        at=last, after=((timeline.end_ns or 0) - timeline.t0_ns) / 1e9, during=during, missed=missed
    )
