"""On a board whose upgrades can be broken: C05 A/B upgrade, C06 rollback, C14 the chain, C20 reboots."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.claims.model import Finding, Value, Verdict
from lab.model import Timeline
from lab.upgrades.bench import Bench, Done
from lab.upgrades.faults import CLASSES, Ending
from lab.upgrades.plan import Operation
from lab.upgrades.record import Recorder
from lab.upgrades.system import READY, REQUEST

OTHER = {"A": "B", "B": "A"}
_BANNERS = re.compile(r"^U-Boot \d|^UEFI firmware|^BdsDxe", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tried:
    """One failure class and what came of it."""

    name: str
    ending: Ending
    done: Done
    before: str  # the slot that ran


def upgrade(bench: Bench, recorder: Recorder, classes: Sequence[str]) -> tuple[Finding, Finding]:
    """C05 and C06: one upgrade, these failure classes, one rollback."""
    before = bench.ready().seen
    done = bench.run(recorder, Operation.UPGRADE)
    switched = done.seen is not None and done.seen.slot == OTHER[before.slot]
    tried = [_break(bench, recorder, name) for name in classes]
    back = bench.run(recorder, Operation.ROLLBACK)
    return _a_b(done, switched, tried), _rollback(back, tried)


def _break(bench: Bench, recorder: Recorder, name: str) -> Tried:
    slot = bench.ready().seen.slot
    found = CLASSES[name]
    done = bench.run(recorder, Operation.UPGRADE, fault=name, seconds=found.seconds)
    return Tried(name, found.ending, done, slot)


def _a_b(done: Done, switched: bool, tried: Sequence[Tried]) -> Finding:
    kept = [each for each in tried if _kept(each)]
    stages = stage_times(done.timeline)
    seconds = done.seconds(REQUEST, READY) if done.seen is not None else 0.0
    holds = switched and len(kept) == len(tried)
    return Finding(
        claim="C05",
        verdict=Verdict.HOLDS if holds else Verdict.PARTLY if switched else Verdict.FAILS,
        sentence=f"The upgrade {'booted the other slot' if switched else 'did not boot the other slot'}, "
        f"ready {seconds:.1f} s after it was asked for. {len(kept)} of {len(tried)} broken upgrades "
        "ended with the old version, without anybody.",
        values=(Value("request to ready", seconds, "s"), *(Value(n, s, "s") for n, s in stages.items())),
        method="One upgrade through the API; stages from API, wire and console.",
        evidence=tuple(f"{each.name}: {_ending(each)}" for each in tried),
    )


def _rollback(back: Done, tried: Sequence[Tried]) -> Finding:
    came = back.seen is not None
    by_hand = back.seconds(REQUEST, READY) if came else 0.0
    values = [Value("rollback by hand", by_hand, "s")] if came else []
    values += [
        Value(f"{each.name}: until the old version is ready", each.done.seconds(REQUEST, READY), "s")
        for each in tried
        if each.done.seen is not None
    ]
    good = [each for each in tried if _kept(each)]
    return Finding(
        claim="C06",
        verdict=Verdict.HOLDS
        if came and len(good) == len(tried)
        else Verdict.PARTLY
        if came
        else Verdict.FAILS,
        sentence=f"By hand the old version was ready after {by_hand:.1f} s. Of the failure classes tried "
        f"here ({', '.join(each.name for each in tried)}) {len(good)} came back by themselves. There are "
        f"{len(CLASSES)} classes; docs/upgrades.md has them all, with those that are not noticed.",
        values=tuple(values),
        method="Broken bundles, signed as they should be unless the signature is what is broken.",
        evidence=tuple(f"{each.name}: {_ending(each)}" for each in tried),
    )


def _kept(each: Tried) -> bool:
    return each.done.seen is not None and each.done.seen.slot == each.before and each.done.seen.ready


def _ending(each: Tried) -> str:
    if each.done.refused:
        return f"refused: {each.done.refused[:120]}"
    return "fell back by itself" if _kept(each) else "did not come back"


def stage_times(timeline: Timeline) -> dict[str, float]:
    """Seconds from each milestone to the next, named after the later one."""
    stones = sorted(timeline.milestones, key=lambda stone: stone.t_ns)
    return {b.name: (b.t_ns - a.t_ns) / 1e9 for a, b in pairwise(stones)}


def chain(timeline: Timeline, titles: Mapping[str, str], board: str, how: str) -> Finding:
    """C14: what a board went through from its power to its API. `how` names what it was."""
    stones = sorted(timeline.milestones, key=lambda stone: stone.t_ns)
    firmware = any(stone.name in ("u-boot", "firmware") for stone in stones)
    times = [
        (titles.get(s.name, s.name), (s.t_ns - timeline.t0_ns) / 1e9) for s in stones if "#" not in s.name
    ]
    return Finding(
        claim="C14",
        verdict=Verdict.HOLDS if firmware and times else Verdict.PARTLY,
        sentence=f"{board}: " + ", ".join(f"{title} at {at:.1f} s" for title, at in times) + ".",
        values=tuple(Value(title, at, "s") for title, at in times),
        method=f"Console, wire and API from the power on. {how}",
    )


def reboots(seconds: Mapping[str, float], consoles: Mapping[str, str]) -> Finding:
    """C20: seconds until ready and what the console said, by kind of reboot (`default`, `power cycle`)."""
    through = {kind: bool(_BANNERS.search(text)) for kind, text in consoles.items()}
    skipped = [kind for kind, banner in through.items() if not banner]
    told = ", ".join(f"{kind} {took:.1f} s" for kind, took in seconds.items())
    return Finding(
        claim="C20",
        verdict=Verdict.HOLDS if "default" in skipped else Verdict.FAILS,
        sentence=f"Until ready again: {told}. "
        + (
            "The firmware is skipped."
            if "default" in skipped
            else "Each goes through the boot loader: no kexec."
        ),
        values=tuple(Value(f"reboot, {kind}", took, "s") for kind, took in seconds.items()),
        method="Reboot over the API; the boot loader's banner on the console.",
    )
