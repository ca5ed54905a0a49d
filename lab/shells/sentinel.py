"""The sentinel: how a shell proves that a command has ended, with which status, and in sync. Pure.

Behind every command goes `echo @TAG:$?:$?:` with a tag drawn anew each time. Its echo has `$?` where the
answer has digits, so it cannot be taken for the answer. The status comes twice, so a damaged digit is seen.
"""

import random
from dataclasses import dataclass

from lab.console.expect import Expect, Match, Pattern

# Letters that are no hexadecimal digits: a memory dump has no look-alike.
_LETTERS = "ghjkmnpqrstvwxyz"
_TAG_LENGTH = 6
_ANSWER = Pattern("sentinel", rb"@([g-z]{6}):(\d{1,5}):(\d{1,5}):\n")
GUARD = b"@"  # begins the answer; twice means that a byte of it was doubled, which else would pass as output


@dataclass(frozen=True, slots=True)
class Sentinel:
    """One command's sentinel."""

    tag: str

    @classmethod
    def draw(cls) -> "Sentinel":
        """A new tag."""
        return cls("".join(random.choices(_LETTERS, k=_TAG_LENGTH)))

    @property
    def command(self) -> str:
        """What is typed to have it answered."""
        return f"echo @{self.tag}:$?:$?:"


class Answer:
    """A machine for `Console.wait` that finds the answer of one sentinel and of no other."""

    def __init__(self, sentinel: Sentinel) -> None:
        self._expect = Expect([_ANSWER])
        self._tag = sentinel.tag.encode()

    def feed(self, t_ns: int, data: bytes) -> list[Match]:
        """The match once it has come; its groups are tag, status, status."""
        return [m for m in self._expect.feed(t_ns, data) if m.groups[0] == self._tag]


def status_of(answer: Match) -> int | None:
    """The status that an answer carries; None where its two copies differ, i.e. one is damaged."""
    _, first, second = answer.groups
    return int(first) if first is not None and first == second else None
