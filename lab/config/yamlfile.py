"""YAML text -> plain values, with the line of every one of them. The only reader of YAML in the project.

Stricter than PyYAML's safe loader, because people write these files by hand:
- scalars resolve as in YAML 1.2: `no` is a string, and 52:54:00:12:34:56 is a MAC address and not the
  sexagesimal number that YAML 1.1 sees in it; numbers are decimal only
- a key that appears twice is an error, and so is any tag
- size, depth and the number of values after aliases are bounded: no "billion laughs"
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.errors import ConfigError

_MAX_BYTES = 1 << 20
_MAX_VALUES = 20_000
_MAX_DEPTH = 30
_TAG = "tag:yaml.org,2002:"

KeyPath = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """The safe loader with YAML 1.2's rules for plain scalars."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's name for a class-wide table)


_Loader.add_implicit_resolver(_TAG + "bool", re.compile(r"(true|false)\Z"), list("tf"))
_Loader.add_implicit_resolver(_TAG + "null", re.compile(r"(~|null|)\Z"), ["~", "n", ""])
_Loader.add_implicit_resolver(_TAG + "int", re.compile(r"-?(0|[1-9][0-9]*)\Z"), list("-0123456789"))
_Loader.add_implicit_resolver(_TAG + "float", re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+\Z"), list("-0123456789"))


@dataclass
class Document:
    """A file's content: `data`, the line (from 1) of each value or its key, and the faults so far."""

    path: Path
    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)
    values: int = 0

    def fault(self, where: KeyPath, message: str) -> None:
        """Note what is wrong at `where`; what is missing, at the line of what it is missing from."""
        known = where
        while known and known not in self.lines:
            known = known[:-1]
        self.fault_at(self.lines.get(known, 1), f"{path_text(where)}: {message}" if where else message)

    def fault_at(self, line: int, message: str) -> None:
        """Note what is wrong at a line."""
        if (line, message) not in self.faults:
            self.faults.append((line, message))

    def raise_faults(self) -> None:
        """Raise ConfigError with all faults in the order of the lines, if there are any."""
        if self.faults:
            raise ConfigError([f"{self.path}:{line}: {message}" for line, message in sorted(self.faults)])


def path_text(where: KeyPath) -> str:
    """Return `machines[0].mac` for ("machines", 0, "mac")."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return text.removeprefix(".")


def read_yaml(path: Path) -> Document:
    """Return the file's content. Duplicate keys and the like are faults in it, to be raised with the others.

    Raises ConfigError where the file cannot be read or is not YAML at all.
    """
    document = Document(path)
    text = _read_text(path)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 1
        words = ", ".join(filter(None, (exc.context, exc.problem)))
        raise ConfigError([f"{path}:{line}: not YAML: {words}"]) from exc
    except yaml.YAMLError as exc:
        raise ConfigError([f"{path}:1: not YAML: {' '.join(str(exc).split())}"]) from exc
    except RecursionError as exc:
        raise ConfigError([f"{path}:1: nested too deep; {_MAX_DEPTH} levels are allowed"]) from exc
    if node is not None:
        document.data = _convert(document, node, ())
    if document.data is None and not document.faults:
        raise ConfigError([f"{path}:1: the file is empty"])
    return document


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise ConfigError([f"{path}: no such file"]) from exc
    except IsADirectoryError as exc:
        raise ConfigError([f"{path}: is a directory; name the YAML file in it"]) from exc
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    if len(raw) > _MAX_BYTES:
        raise ConfigError([f"{path}: larger than {_MAX_BYTES} bytes; that is no configuration"])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise ConfigError([f"{path}:{line}: not UTF-8 text (byte 0x{raw[exc.start]:02x})"]) from exc


def _convert(document: Document, node: yaml.Node, where: KeyPath) -> Any:
    """Return a node's value and note its lines."""
    line = node.start_mark.line + 1
    document.lines.setdefault(where, line)
    document.values += 1
    if document.values > _MAX_VALUES:
        raise ConfigError(
            [f"{document.path}:{line}: more than {_MAX_VALUES} values, aliases counted in full"]
        )
    if len(where) > _MAX_DEPTH:
        raise ConfigError([f"{document.path}:{line}: nested too deep; {_MAX_DEPTH} levels are allowed"])
    if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
        return _convert_mapping(document, node, where)
    if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
        return [_convert(document, item, (*where, number)) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _convert_scalar(document, node, where)
    document.fault(where, f"the tag {node.tag} is not allowed; leave it out")
    return None


def _convert_mapping(document: Document, node: yaml.MappingNode, where: KeyPath) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.fault_at(line, f"{path_text(where)}: a key must be a word")
            continue
        key = key_node.value
        place = (*where, key)
        if key in found:
            first = document.lines[place]
            document.fault_at(line, f"{path_text(place)}: appears twice; the first is in line {first}")
            continue
        document.lines[place] = line
        found[key] = _convert(document, value_node, place)
    return found


def _convert_scalar(document: Document, node: yaml.ScalarNode, where: KeyPath) -> Any:
    text = node.value
    match node.tag.removeprefix(_TAG):
        case "str":
            return text
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            return text == "true"
        case "null":
            return None
    document.fault(where, f"the tag {node.tag} is not allowed; leave it out")
    return None
