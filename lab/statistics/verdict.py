"""What a comparison can come to."""

from enum import StrEnum


class Verdict(StrEnum):
    """Of a candidate against a baseline. SAME excludes a change of the rule's margin: no lack of proof."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    NOT_ENOUGH_SAMPLES = "not-enough-samples"
