"""Shapes of values, small enough for a guest that has no pydantic: text, numbers, lists, keys.

A shape's `check` yields every finding below a value, as a place and a sentence that says what would be right.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lab.machineconfig.yamltext import KeyPath


@dataclass(frozen=True)
class Finding:
    """What is wrong at `where`."""

    where: KeyPath
    reason: str


class Shape(Protocol):
    """What a value must be."""

    def check(self, value: Any, where: KeyPath) -> Iterator[Finding]:
        """Yield what is wrong with `value`, which stands at `where`."""
        ...


def shown(value: Any) -> str:
    """Return a value for a sentence, short, never the content of a map or list."""
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing (leave the key out)"
    return str(value) if isinstance(value, int | float) else repr(value[:60])


def unknown(given: str, known: Iterable[str], what: str = "key") -> str:
    """Return the sentence for a name that nobody knows."""
    known = sorted(known)
    close = difflib.get_close_matches(given[:60], known, 1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"unknown {what}{'' if what == 'key' else f' {given[:60]!r}'}; {hint}there are {', '.join(known)}"


@dataclass(frozen=True)
class Text:
    """Text; `wrong` returns the end of a sentence about it, or nothing. A secret is never shown."""

    what: str
    wrong: Callable[[str], str] | None = None
    secret: bool = False
    may_be_empty: bool = False

    def check(self, value: Any, where: KeyPath) -> Iterator[Finding]:
        """Yield a finding unless it is the text that is wanted."""
        given = "this" if self.secret else shown(value)
        if not isinstance(value, str):
            quote = ", in quotes" if isinstance(value, int | float) else ""
            yield Finding(where, f"must be text{quote} ({self.what}), not {given}")
        elif not value and self.may_be_empty:
            return
        elif not value:
            yield Finding(where, f"is empty; it must be {self.what}")
        elif self.wrong is not None and (reason := self.wrong(value)):
            yield Finding(where, f"{given} {reason}; it must be {self.what}")


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, value: Any, where: KeyPath) -> Iterator[Finding]:
        """Yield a finding unless it is one of them."""
        if value not in self.words:
            yield Finding(where, f"must be one of {', '.join(self.words)}, not {shown(value)}")


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def check(self, value: Any, where: KeyPath) -> Iterator[Finding]:
        """Yield a finding unless it is such a number."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            yield Finding(where, f"must be a whole number from {self.low} to {self.high}, not {shown(value)}")


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def check(self, value: Any, where: KeyPath) -> Iterator[Finding]:
        """Yield a finding unless it is a truth value."""
        if not isinstance(value, bool):
            yield Finding(where, f"must be true or false, not {shown(value)}")


@dataclass(frozen=True)
class Anything:
    """Keys with values that nobody here looks into."""

    def check(self, value: Any, where: KeyPath) -> Iterator[Finding]:
        """Yield a finding unless it has keys."""
        if not isinstance(value, dict):
            yield Finding(where, f"must be keys with values, not {shown(value)}")


@dataclass(frozen=True)
class Many:
    """A list of things of one shape."""

    item: Shape

    def check(self, value: Any, where: KeyPath) -> Iterator[Finding]:
        """Yield what is wrong with each item."""
        if not isinstance(value, list):
            yield Finding(where, f"must be a list, not {shown(value)}")
            return
        for number, item in enumerate(value):
            yield from self.item.check(item, (*where, number))


@dataclass(frozen=True)
class Table:
    """Keys of any name, all with values of one shape; `wrong` judges a key."""

    item: Shape
    wrong: Callable[[str], str]

    def check(self, value: Any, where: KeyPath) -> Iterator[Finding]:
        """Yield what is wrong with each entry."""
        if not isinstance(value, dict):
            yield Finding(where, f"must be keys with values, not {shown(value)}")
            return
        for key, item in value.items():
            if reason := self.wrong(key):
                yield Finding((*where, key), reason)
            yield from self.item.check(item, (*where, key))


@dataclass(frozen=True)
class Keys:
    """Keys that are known by name. `rule` looks at the whole, once each key by itself is right."""

    known: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    rule: Callable[[Mapping[str, Any]], str] | None = None

    def check(self, value: Any, where: KeyPath) -> Iterator[Finding]:
        """Yield what is wrong with each key, which is unknown, and which is missing."""
        if not isinstance(value, dict):
            yield Finding(where, f"must be keys with values, not {shown(value)}")
            return
        count = 0
        for finding in self._each(value, where):
            count += 1
            yield finding
        if not count and self.rule is not None and (reason := self.rule(value)):
            yield Finding(where, reason)

    def _each(self, value: dict[str, Any], where: KeyPath) -> Iterator[Finding]:
        for key, item in value.items():
            if key in self.known:
                yield from self.known[key].check(item, (*where, key))
            else:
                yield Finding((*where, key), unknown(key, self.known))
        for key in self.required:
            if key not in value:
                yield Finding((*where, key), "is missing")
