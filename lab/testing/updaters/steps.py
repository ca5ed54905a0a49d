"""What a simulated client does next, and what it keeps for whoever checks the server."""

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request; an `Answer` comes back, or None where there was no connection."""

    method: str
    path: str
    body: bytes = b""
    lock: bool = False  # with FleetLock's header


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds of the client's time."""

    seconds: float


Life = Generator[Ask | Wait, Answer | None, None]


@dataclass
class Witness:
    """What clients saw themselves, in the order in which it happened: the check of the server's record.

    `begin` is noted after the permission came, `end` before it is given back: so at no time may more clients
    be between the two than the server allows.
    """

    now: dict[str, set[str]] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    heard: Callable[[], None] = lambda: None  # called at each count

    def begin(self, group: str, node: str) -> None:
        """It may, from now on."""
        self.now.setdefault(group, set()).add(node)
        self.most[group] = max(self.most.get(group, 0), len(self.now[group]))

    def end(self, group: str, node: str) -> None:
        """It gives that back."""
        self.now.setdefault(group, set()).discard(node)

    def count(self, what: str) -> None:
        """One more of these."""
        self.counts[what] = self.counts.get(what, 0) + 1
        self.heard()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """How often things go wrong, 0 to 1, decided anew at each update."""

    download: float = 0.0  # breaks off
    boot: float = 0.0  # the new version does not boot
    lost: float = 0.0  # the node never comes back


NEVER = Chances()


def about(rng: random.Random, seconds: float, width: float) -> float:
    """update_engine's FuzzInt: `seconds`, give or take half of `width`."""
    return max(0.0, seconds + rng.uniform(-width / 2, width / 2))
