"""What `explain` ends in: one sentence that a person can act on, and how to mend it."""

from dataclasses import dataclass
from enum import StrEnum

from pxe.events import FindingMade


class Severity(StrEnum):
    """How much a finding matters."""

    FATAL = "fatal"  # the machine does not boot because of this
    WARNING = "warning"  # it boots, later than it could, or from elsewhere than meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cause. `rule` is its name in docs/why-did-it-not-boot.md; `evidence` the frames, events and
    console lines that show it, each one line; `t_ns` is when it showed, on the clock of the evidence."""

    rule: str
    mac: str
    sentence: str
    cure: str
    severity: Severity
    t_ns: int
    evidence: tuple[str, ...] = ()

    def event(self, t_ns: int, *, again: bool = False) -> FindingMade:
        """Return the event that says it at `t_ns`."""
        return FindingMade(
            t_ns=t_ns,
            mac=self.mac,
            rule=self.rule,
            sentence=self.sentence,
            cure=self.cure,
            severity=self.severity,
            evidence=list(self.evidence),
            again=again,
        )
