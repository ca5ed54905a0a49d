"""C04 the same configuration gives the same machine, C11 parts of it compose."""

import random
from collections.abc import Callable, Mapping
from typing import TypeVar

from lab.claims.model import Finding, Value, Verdict

_PAIRS = 200
T = TypeVar("T")  # a configuration; equal ones are ==


def reproducible(again: str | None, first: Mapping[str, str], second: Mapping[str, str], how: str) -> Finding:
    """C04: `again` is what applying the same configuration once more would change ("" nothing, None: it is
    applied once in a machine's life); `first` and `second` what two boots from it came to, by name;
    `how` they were made."""
    differing = sorted(name for name in {*first, *second} if first.get(name) != second.get(name))
    same = not (again or "").strip() and not differing
    applied = (
        "" if again is None else f"Applied again it changes {'something' if again.strip() else 'nothing'}. "
    )
    return Finding(
        claim="C04",
        verdict=Verdict.HOLDS if same else Verdict.FAILS,
        sentence=f"{applied}Of {len(first)} things compared between two boots {len(differing) or 'none'} "
        "differ" + (f": {', '.join(differing[:8])}." if differing else "."),
        values=(Value("compared", len(first)), Value("different", len(differing))),
        method=how,
        evidence=tuple(f"{n}: {first.get(n, '-')[:60]!r} {second.get(n, '-')[:60]!r}" for n in differing[:8]),
    )


def composable(merge: Callable[[T, str], T], base: T, list_patches: tuple[str, str]) -> Finding:
    """C11: `merge(config, patch)` on random pairs of patches of different sysctls, in both orders; and on
    two patches of the same list."""
    draw = random.Random(11)
    same = 0
    for _ in range(_PAIRS):
        a, b = draw.sample(range(1000), 2)
        one, other = (f"machine:\n  sysctls:\n    kernel.c11_{n}: '{draw.randrange(9)}'\n" for n in (a, b))
        same += merge(merge(base, one), other) == merge(merge(base, other), one)
    first, second = list_patches
    lists = merge(merge(base, first), second) == merge(merge(base, second), first)
    return Finding(
        claim="C11",
        verdict=Verdict.HOLDS
        if same == _PAIRS and lists
        else Verdict.PARTLY
        if same == _PAIRS
        else Verdict.FAILS,
        sentence=f"{same} of {_PAIRS} pairs of independent patches give the same in both orders. Two patches "
        f"of one list {'do, too' if lists else 'do not: a list grows in the order of its patches'}.",
        values=(Value("pairs", _PAIRS), Value("the same in both orders", same)),
        method="Strategic merge, seed 11; the list is that of name servers.",
    )
