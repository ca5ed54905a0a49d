"""What a check says."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Of one finding."""

    OK = "ok"
    WARNING = "warning"  # it may work, and it may not
    FAULT = "fault"  # it cannot work
    UNKNOWN = "could-not-look"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence with its evidence, and what to do: a command, or a line for the site file.

    `in_file`: the site file is to blame, not the lab's equipment. `check` is the name of the check.
    """

    verdict: Verdict
    sentence: str
    cure: str = ""
    in_file: bool = False
    check: str = ""


def ok(sentence: str) -> Finding:
    """All is well."""
    return Finding(Verdict.OK, sentence)


def warning(sentence: str, cure: str = "") -> Finding:
    """Something may go wrong."""
    return Finding(Verdict.WARNING, sentence, cure)


def fault(sentence: str, cure: str = "", *, in_file: bool = False) -> Finding:
    """Something cannot work."""
    return Finding(Verdict.FAULT, sentence, cure, in_file)


def unknown(sentence: str, cure: str = "") -> Finding:
    """It could not be looked at; the sentence says why."""
    return Finding(Verdict.UNKNOWN, sentence, cure)
