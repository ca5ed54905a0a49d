"""Why did it not boot? Rules over evidence that end in one sentence a person can act on.

`explain` is pure. Evidence of a capture comes from `pxe.explain.capture`, that of the service's own events
from `pxe.explain.told`; console lines are handed in by who has them. Every rule is listed in
docs/why-did-it-not-boot.md.
"""

from pxe.explain.engine import explain
from pxe.explain.evidence import Evidence
from pxe.explain.finding import Finding, Severity

__all__ = ["Evidence", "Finding", "Severity", "explain"]
