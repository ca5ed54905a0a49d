"""Machines, plans and rules as they are at one instant: immutable, and swapped as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pxe.plan import BootPlan, Machine, PlanRule, UnknownMachines


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
