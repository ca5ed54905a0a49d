"""All rules over one machine's evidence, ranked: what decided the boot comes first."""

from pxe.explain.evidence import Evidence
from pxe.explain.finding import Finding, Severity
from pxe.explain.progress import Way
from pxe.explain.rule import RULES, Rule
from pxe.explain.rules import load

_WEIGHT = {Severity.FATAL: 0, Severity.WARNING: 1}


def explain(evidence: Evidence) -> tuple[Finding, ...]:
    """Return what is wrong with a boot, the decisive finding first; () for a boot that is fine.

    A fault that the machine got over is none: what it did next at that stage worked. Of what is left, the
    latest stage decides, for it stopped there.
    """
    load()
    way = Way(evidence)
    found: list[tuple[Rule, Finding]] = []
    for rule in RULES.values():
        for finding in rule.judge(evidence):
            if finding.severity is not Severity.FATAL or not way.went_on(rule.stage, finding.t_ns):
                found.append((rule, finding))
    return tuple(finding for _, finding in sorted(_without_vague(found), key=_rank))


def _without_vague(found: list[tuple[Rule, Finding]]) -> list[tuple[Rule, Finding]]:
    said = [r.stage for r, f in found if not r.vague and f.severity is Severity.FATAL]
    latest = max(said, default=None)
    return [(r, f) for r, f in found if not r.vague or latest is None or latest < r.stage]


def _rank(item: tuple[Rule, Finding]) -> tuple[int, int, int]:
    rule, finding = item
    stage = -rule.stage if finding.severity is Severity.FATAL else rule.stage
    return _WEIGHT[finding.severity], stage, finding.t_ns
