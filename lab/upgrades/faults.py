"""Classes of failed upgrades, and how each must end. The system under test makes what is broken."""

from dataclasses import dataclass
from enum import StrEnum

from lab.errors import UsageError


class Ending(StrEnum):
    """How an upgrade that fails ends; the old version runs in the first two."""

    REFUSED = "refused"  # nothing was switched, the node never went down
    FALLS_BACK = "falls back"  # the new slot was tried, then the old one again
    NOT_NOTICED = "not noticed"  # nothing in the node can see it: the new version stays, out of reach


@dataclass(frozen=True, slots=True)
class FailureClass:
    """`title` for people; `ending` is how it must end, within `seconds` of a busy host."""

    name: str
    title: str
    ending: Ending
    seconds: float = 900.0


CLASSES = {
    found.name: found
    for found in (
        FailureClass("bad-signature", "update signed by a foreign authority", Ending.REFUSED),
        FailureClass("truncated", "update cut off in the middle", Ending.REFUSED),
        FailureClass("no-kernel", "kernel that does not load", Ending.FALLS_BACK),
        FailureClass("kernel-panic", "kernel panics before its first process", Ending.FALLS_BACK),
        FailureClass("init-dies", "first process ends: panic", Ending.FALLS_BACK),
        FailureClass("init-hangs", "first process hangs", Ending.FALLS_BACK, 1800),
        FailureClass("no-api", "the API never comes up", Ending.FALLS_BACK),
        FailureClass("unhealthy", "API up, a service is not healthy", Ending.FALLS_BACK),
        FailureClass("config", "saved configuration not applicable", Ending.FALLS_BACK),
        FailureClass("no-network", "network dead as soon as the API is up", Ending.FALLS_BACK),
        FailureClass("network-dead", "network dead after the slot was marked good", Ending.NOT_NOTICED),
        FailureClass("disk-full", "update larger than the slot", Ending.REFUSED),
    )
}
USUAL = ("bad-signature", "no-kernel")  # when nobody names any: one that is refused, one that is tried


def classes_of(words: str | None) -> tuple[FailureClass, ...]:
    """Return the classes named in `A,B`, or `all`; None: the usual ones. Raises UsageError."""
    names = USUAL if words is None else tuple(CLASSES) if words == "all" else tuple(words.split(","))
    if unknown := [name for name in names if name not in CLASSES]:
        raise UsageError(f"there is no failure class {unknown[0]!r}; there are all, {', '.join(CLASSES)}")
    return tuple(CLASSES[name] for name in names)
