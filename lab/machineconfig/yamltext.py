"""YAML text -> plain values, with the line of every one of them. The only reader of YAML in the project.

Stricter than PyYAML's safe loader, because people write these files by hand:
- scalars resolve as in YAML 1.2: `no` is a string, and 52:54:00:12:34:56 is a MAC address and not the
  sexagesimal number that YAML 1.1 sees in it; numbers are decimal only
- a key that appears twice is an error, and so is any tag
- size, depth, the number of values and of characters after aliases are bounded: no "billion laughs"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

_MAX_VALUES = 20_000
_MAX_DEPTH = 30
_SAFE_DEPTH = 300  # levels that C's stack holds in any thread
_OPENERS = "[{-?:"  # no level begins without one of these
_MAX_CHARACTERS = 4 << 20
_TAG = "tag:yaml.org,2002:"

# YAML 1.2.2, 9.1.2: no content of a document begins a line with this, a block of text's neither
_MARKER = re.compile(r"^---(?=[ \t\r\n]|$)", re.MULTILINE)
_SPECIAL = re.compile(r"^(%|\.\.\.)", re.MULTILINE)

KeyPath = tuple[str | int, ...]

_PLAIN = {
    "bool": (re.compile(r"(true|false)\Z"), list("tf")),
    "null": (re.compile(r"(~|null|)\Z"), ["~", "n", ""]),
    # Python reads no number of more than 4300 digits, and nothing here means one of more than 18.
    "int": (re.compile(r"-?(0|[1-9][0-9]{0,17})\Z"), list("-0123456789")),
    "float": (re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z"), list("-0123456789")),
}


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast


class _Loader(_Base):  # type: ignore[misc]  # either of the two
    """The safe loader with YAML 1.2's rules for plain scalars."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's name for a class-wide table)


for _name, (_pattern, _first) in _PLAIN.items():
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, _first)


class Plain(str):
    """A word without quotes that YAML 1.1 takes for something else than text: 0644, no, 12:30.

    To whom it was written knows which: it is written back without quotes.
    """

    __slots__ = ()


def _is_plain(text: str) -> bool:
    found = yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ())
    return any(pattern.match(text) for _, pattern in found)


class NotYaml(ValueError):
    """A text that cannot be read at all; `line` and `column` count from 1."""

    def __init__(self, line: int, reason: str, column: int = 1) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.column = column
        self.reason = reason


@dataclass
class YamlDocument:
    """One document: `data`, the line (from 1) of each value or its key, and the faults so far."""

    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def line_of(self, where: KeyPath) -> int:
        """Return the line of a value; of what is missing, the line of what it is missing from."""
        known = where
        while known and known not in self.lines:
            known = known[:-1]
        return self.lines.get(known, 1)

    def fault(self, where: KeyPath, message: str) -> None:
        """Note what is wrong at `where`."""
        self.fault_at(self.line_of(where), f"{path_text(where)}: {message}" if where else message)

    def fault_at(self, line: int, message: str) -> None:
        """Note what is wrong at a line."""
        if (line, message) not in self.faults:
            self.faults.append((line, message))


def path_text(where: KeyPath) -> str:
    """Return `machines[0].mac` for ("machines", 0, "mac")."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return text.removeprefix(".")


def split_documents(text: str) -> list[str] | None:
    """Return the texts of the documents, so that equal ones need not be read again.

    None: this text has to be read as a whole, for it has directives, or ends of documents.
    """
    if _SPECIAL.search(text):
        return None
    return [part for part in _MARKER.split(text) if part.strip()]


def read_documents(text: str) -> list[YamlDocument]:
    """Return the text's documents. Duplicate keys and the like are faults in them.

    Raises NotYaml where the text is no YAML or means more values than anybody writes.
    """
    budget = _Budget()
    return [_read(node, budget) for node in compose_documents(text)]


def compose_documents(text: str) -> list[yaml.Node]:
    """Return the root node of each document, with the marks of its places; aliases are one node twice.

    Raises NotYaml where the text is no YAML, or nested deeper than anybody writes.
    """
    try:
        _check_depth(text)
        return list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        words = ", ".join(filter(None, (exc.context, exc.problem)))
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise NotYaml(line, f"not YAML: {words}", column) from exc
    except yaml.YAMLError as exc:
        raise NotYaml(1, f"not YAML: {' '.join(str(exc).split())}") from exc
    except RecursionError as exc:
        raise NotYaml(1, f"nested too deep; {_MAX_DEPTH} levels are allowed") from exc
    except ValueError as exc:
        raise NotYaml(1, f"not YAML: {exc}") from exc  # such as %YAML with 5000 digits, or "\UFFFFFFFF"


def _check_depth(text: str) -> None:
    """libyaml's composer recurses in C: on a text that is nested deep enough it would end the process."""
    if sum(map(text.count, _OPENERS)) < _SAFE_DEPTH:
        return  # most texts: reading each twice costs a rollout a thirtieth of its time
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > 2 * _MAX_DEPTH:
                raise RecursionError
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _read(node: yaml.Node, budget: "_Budget") -> YamlDocument:
    document = YamlDocument()
    document.data = _Converter(document, budget).convert(node, ())
    return document


@dataclass
class _Budget:
    """What all documents of a text may still hold, aliases counted in full."""

    values: int = _MAX_VALUES
    characters: int = _MAX_CHARACTERS

    def spend(self, node: yaml.Node, depth: int) -> None:
        line = node.start_mark.line + 1
        self.values -= 1
        self.characters -= len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        if self.values < 0:
            raise NotYaml(line, f"more than {_MAX_VALUES} values, aliases counted in full")
        if self.characters < 0:
            raise NotYaml(line, f"more than {_MAX_CHARACTERS} characters, aliases counted in full")
        if depth > _MAX_DEPTH:
            raise NotYaml(line, f"nested too deep; {_MAX_DEPTH} levels are allowed")


@dataclass
class _Converter:
    document: YamlDocument
    budget: _Budget

    def convert(self, node: yaml.Node, where: KeyPath) -> Any:
        """Return a node's value and note its lines."""
        self.document.lines.setdefault(where, node.start_mark.line + 1)
        self.budget.spend(node, len(where))
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return dict(self._entries(node, where))
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.convert(item, (*where, number)) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, where)
        self.document.fault(where, f"the tag {node.tag} is not allowed; leave it out")
        return None

    def _entries(self, node: yaml.MappingNode, where: KeyPath) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.fault_at(line, f"{path_text(where)}: a key must be a word")
                continue
            key = key_node.value
            place = (*where, key)
            if key in seen:
                words = f"{path_text(place)}: appears twice; the first is in line {seen[key]}"
                self.document.fault_at(line, words)
                continue
            seen[key] = self.document.lines[place] = line
            yield key, self.convert(value_node, place)

    def _scalar(self, node: yaml.ScalarNode, where: KeyPath) -> Any:
        text = node.value
        name = node.tag.removeprefix(_TAG)
        if name == "str":
            return Plain(text) if not node.style and _is_plain(text) else text
        if name not in _PLAIN or not _PLAIN[name][0].match(text):
            self.document.fault(where, f"the tag {node.tag} is not allowed; leave it out")
            return None
        if name == "null":
            return None
        return text == "true" if name == "bool" else int(text) if name == "int" else float(text)
