"""Many nodes: C10 one or ten thousand, C19 a fleet updated without SSH."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.claims.model import Finding, Value, Verdict

_ALIKE = 2.0  # as the same work for each node: at most so many times the best rate apart


@dataclass(frozen=True, slots=True)
class Rolled:
    """One rollout: how many nodes, how many failed, how long, how many were under way at once at most."""

    nodes: int
    failed: int
    seconds: float
    at_once: int = 0


def one_or_many(rolled: Sequence[Rolled], how: str) -> Finding:
    """C10: the same rollout on fleets of different sizes."""
    rates = {each.nodes: each.nodes / each.seconds for each in rolled}
    large = {nodes: rate for nodes, rate in rates.items() if nodes >= 100} or rates
    alike = max(large.values()) / min(large.values()) <= _ALIKE
    failed = sum(each.failed for each in rolled)
    told = ", ".join(f"{nodes} {rate:.0f}/s" for nodes, rate in rates.items())
    return Finding(
        claim="C10",
        verdict=Verdict.HOLDS if alike and not failed else Verdict.PARTLY,
        sentence=f"The same plan file and command; nodes: {told}; {failed} failed.",
        values=tuple(
            value
            for each in rolled
            for value in (
                Value(f"{each.nodes} nodes", each.seconds, "s"),
                Value(f"{each.nodes} nodes: a second", rates[each.nodes]),
            )
        ),
        method=how,
    )


def updated(rolled: Rolled, allowed: int, how: str) -> Finding:
    """C19: an upgrade rolled out; `allowed` nodes may be under way at once."""
    kept = rolled.at_once <= allowed
    good = kept and not rolled.failed
    return Finding(
        claim="C19",
        verdict=Verdict.HOLDS if good else Verdict.PARTLY,
        sentence=f"{rolled.nodes - rolled.failed} of {rolled.nodes} nodes run the new version after "
        f"{rolled.seconds:.1f} s; at most {rolled.at_once} were under way at once (allowed: {allowed}).",
        values=(
            Value("nodes", rolled.nodes),
            Value("failed", rolled.failed),
            Value("at once at most", rolled.at_once),
            Value("all of it", rolled.seconds, "s"),
        ),
        method=how,
    )
