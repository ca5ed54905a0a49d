"""What is wrong with a machine config: every fault at once, each with its place and the reason."""

from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 50  # of a text that is wrong in thousands of places, nobody reads more


@dataclass(frozen=True)
class Fault:
    """One fault: `path` such as `machine.network.hostname` or `LinkConfig[eth0].addresses[1].address`.

    `path` is empty where the text as a whole is meant. `line` counts from 1; None where no text is known,
    as after a merge.
    """

    path: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        line = f"line {self.line}: " if self.line is not None else ""
        return f"{line}{place}{self.reason}"


class ConfigFaults(ValueError):
    """A config or a patch that cannot be taken; `faults` has at least one, in the order of the text.

    No LabError: the guest of refos, which has this package and not the lab, raises it too.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults[:_SHOWN]]
        if len(self.faults) > _SHOWN:
            lines.append(f"and {len(self.faults) - _SHOWN} more")
        super().__init__("\n".join(lines))
