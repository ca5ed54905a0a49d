"""What a rule is: one fault with a name, what shows it, its sentence, its cure, and what it rests on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from pxe.explain.evidence import Evidence
from pxe.explain.finding import Finding, Severity


class Stage(IntEnum):
    """How far a boot has come where a fault stops it."""

    LINK = 0
    DHCP = 1  # an address
    BOOTFILE = 2  # what to load, and from where
    FILES = 3  # TFTP and HTTP
    LOADER = 4  # what was loaded is started
    KERNEL = 5


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule's fault was seen: `values` fill the sentence and the cure."""

    t_ns: int
    evidence: tuple[str, ...]
    values: dict[str, object] = field(default_factory=dict)


def hit(t_ns: int, *evidence: str, **values: object) -> Hit:
    """Return a Hit."""
    return Hit(t_ns, evidence, values)


Find = Callable[[Evidence], Iterable[Hit]]
MOST = 20  # findings of one rule: nobody reads more


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`sentence` and `cure` have `{names}` for the values of a hit. A `vague` rule says what happened where
    none says why: it counts only where nothing else explains that stage, or a later one."""

    name: str
    stage: Stage
    seen: str
    sentence: str
    cure: str
    basis: str
    severity: Severity
    vague: bool
    find: Find

    def judge(self, evidence: Evidence) -> list[Finding]:
        """The rule's findings, at most MOST: of several with one sentence, and of many, the last, for the
        machine may have got over the earlier ones."""
        found: dict[str, Finding] = {}
        for it in self.find(evidence):
            finding = Finding(
                rule=self.name,
                mac=evidence.mac,
                sentence=_begun(self.sentence.format_map(it.values)),
                cure=self.cure.format_map(it.values),
                severity=self.severity,
                t_ns=it.t_ns,
                evidence=it.evidence,
            )
            found.pop(finding.sentence, None)
            found[finding.sentence] = finding
        return list(found.values())[-MOST:]


def _begun(sentence: str) -> str:
    """A sentence may begin with `the PXE ROM`; file names at its beginning stay as they are."""
    return f"T{sentence[1:]}" if sentence.startswith("the ") else sentence


RULES: dict[str, Rule] = {}


def rule(
    name: str,
    stage: Stage,
    *,
    seen: str,
    sentence: str,
    cure: str,
    basis: str,
    severity: Severity = Severity.FATAL,
    vague: bool = False,
) -> Callable[[Find], Find]:
    """Enter the decorated function into RULES. Raises ValueError where the name is taken."""

    def enter(find: Find) -> Find:
        if name in RULES:
            raise ValueError(f"two rules are called {name}")
        RULES[name] = Rule(
            name=name,
            stage=stage,
            seen=seen,
            sentence=sentence,
            cure=cure,
            basis=basis,
            severity=severity,
            vague=vague,
            find=find,
        )
        return find

    return enter
