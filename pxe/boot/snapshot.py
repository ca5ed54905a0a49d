"""Machines, plans and rules as they are at one instant: immutable, and swapped as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pxe.plan import BootPlan, Machine, PlanRule, Selector, UnknownMachines


@dataclass(frozen=True)
class Snapshot:
    """Machines by MAC, plans by name, rules; and what becomes of machines that are not in `machines`.

    `discovery` names the plan of an unknown machine that no rule selects, where `unknown` is BOOT.
    """

    machines: Mapping[str, Machine] = field(default_factory=dict)
    plans: Mapping[str, BootPlan] = field(default_factory=dict)
    rules: tuple[PlanRule, ...] = ()
    unknown: UnknownMachines = UnknownMachines.IGNORE
    discovery: str | None = None

    @cached_property
    def ordered_rules(self) -> list[PlanRule]:
        """The rules, the most specific first. Ties are refused when rules are stored; should there be one all
        the same, the name decides, so that the answer never depends on the order of storing."""
        return sorted(self.rules, key=lambda rule: (-specificity(rule.when), rule.name))


def specificity(selector: Selector) -> int:
    """Return how closely `selector` describes a machine; the higher wins.

    A whole MAC, a UUID, a serial name one machine; then come a MAC prefix (by length), tags (by number),
    a network (by length), the firmware, the arch. The first in this order decides, whatever follows; and to
    say more always raises it.
    """
    octets = len(selector.mac.split(":")) if selector.mac else 0
    digits = (  # each with its radix
        (int(octets == 6), 2),
        (int(bool(selector.uuid)), 2),
        (int(bool(selector.serial)), 2),
        (octets, 7),
        (min(len(selector.tags), 255), 256),
        (selector.network.prefixlen + 1 if selector.network is not None else 0, 34),
        (int(selector.firmware is not None), 2),
        (int(selector.arch is not None), 2),
    )
    value = 0
    for digit, radix in digits:
        value = value * radix + digit
    return value
