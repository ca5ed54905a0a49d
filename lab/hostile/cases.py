"""A case: which malformed answer, and its random numbers. Seed and number alone decide."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lab.hostile import dhcp, http, tftp
from lab.hostile.frames import FRAMES


class Kind(StrEnum):
    """The protocol that is abused."""

    DHCP = "dhcp"
    TFTP = "tftp"
    HTTP = "http"


STRAY = "stray-segments"  # lab.hostile.segments: nobody asked for them

NAMES: dict[Kind, tuple[str, ...]] = {
    Kind.DHCP: (*dhcp.MALFORMED, *FRAMES),
    Kind.TFTP: tuple(tftp.MALFORMED),
    Kind.HTTP: (*http.MALFORMED, STRAY),
}


@dataclass(frozen=True, slots=True)
class Case:
    """Number `number` of `seed`: the malformation `name` of `kind`."""

    seed: int
    number: int
    kind: Kind
    name: str

    @property
    def rng(self) -> random.Random:
        """Its random numbers, from the first one on."""
        return random.Random(f"bootlab hostile {self.seed} {self.number} {self.kind} {self.name}")


def case_of(seed: int, number: int, kinds: Sequence[Kind]) -> Case:
    """Return case `number`. Kinds take turns, and so do the malformations of a kind, in an order that the
    seed shuffles: a short campaign has each of them once before any comes twice."""
    kind = kinds[number % len(kinds)]
    names = sorted(NAMES[kind])
    random.Random(f"order {seed} {kind}").shuffle(names)
    return Case(seed, number, kind, names[number // len(kinds) % len(names)])
