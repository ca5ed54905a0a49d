"""What came of a node: is it what it may be after what was done to it? Pure."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from lab.powercut.check import Checked
from lab.upgrades.system import Observation


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a node may be. `systems` are (slot, version); `configs` are whole configurations."""

    systems: Collection[tuple[str, str]]
    configs: Collection[str]


def faults_of(
    seen: Observation | None,
    allowed: Allowed,
    same_config: Callable[[str, str], bool],
    checked: Collection[Checked] = (),
) -> tuple[str, ...]:
    """Return a sentence for each thing that is not as it may be; none: all is well.

    `seen` is None for a node that did not get ready again.
    """
    found = [f"file system {result}" for result in checked if not result.clean]
    if seen is None:
        return (*found, "the node did not get ready again")
    if (seen.slot, seen.version) not in allowed.systems:
        wanted = " or ".join(f"{version} in {slot}" for slot, version in sorted(allowed.systems))
        found.append(f"version {seen.version} runs in slot {seen.slot}; allowed is {wanted}")
    if not any(same_config(seen.config, config) for config in allowed.configs):
        found.append("its configuration is neither the old nor the new one")
    if not seen.ready:
        found.append("it is not ready")
    return tuple(found)
