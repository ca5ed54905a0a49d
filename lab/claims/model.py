"""A claim, and what was found when it was tried on one system."""

from dataclasses import dataclass, field
from enum import StrEnum

from lab.model import SCHEMA


class Verdict(StrEnum):
    """What came of a claim. A claim that is a matter of degree is `measured`: its numbers are the answer."""

    HOLDS = "holds"
    PARTLY = "holds in part"
    FAILS = "does not hold"
    MEASURED = "measured"
    NOT_ITS_CLAIM = "not its claim"  # the system does this another way, and says so
    OPEN = "not measured"


@dataclass(frozen=True, slots=True)
class Claim:
    """`id` is C01 ..., `title` a few words, `claim` what is said, `how` it is tried (docs/claims.md)."""

    id: str
    title: str
    claim: str
    how: str


@dataclass(frozen=True, slots=True)
class Value:
    """A number that was measured, with its unit: s, B, or "" for a count."""

    name: str
    number: float
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of one claim: a sentence, the numbers, how they came about, and what shows it."""

    claim: str
    verdict: Verdict
    sentence: str
    values: tuple[Value, ...] = ()
    method: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """All findings of one system. `against` is a sentence: what exactly this was measured on; `runs` are the
    runs below results/ that have the boots. A claim without a finding was not tried."""

    system: str
    title: str
    version: str
    against: str
    emulated: bool
    began: str  # wall time, ISO 8601, UTC
    seconds: float
    findings: tuple[Finding, ...] = ()
    runs: tuple[str, ...] = ()
    host: str = ""
    name: str = ""  # of its folder below results/claims; "" before it is written
    schema: int = field(default=SCHEMA)

    def finding(self, claim: str) -> Finding | None:
        """What was found of a claim."""
        return next((found for found in self.findings if found.claim == claim), None)
