"""Versions such as 4593.2.4 or 43.20251024.3.0, by number. Pure."""

import re

LONGEST = 64
_NUMBERS = re.compile(r"[0-9]+")


def order(version: str) -> tuple[int, ...]:
    """The numbers of a version, to compare by. Whatever stands behind `+` or `-` does not count."""
    head = re.split(r"[+-]", version[:LONGEST], maxsplit=1)[0]
    return tuple(int(number) for number in _NUMBERS.findall(head))


def older(one: str, other: str) -> bool:
    """Whether `one` comes before `other`."""
    return order(one) < order(other)
