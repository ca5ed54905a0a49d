"""A Butane file as text -> a Block of the values that its version knows, and a report of everything else.

Scalars are read by what the key wants, as Butane's own reader does: `mode: 0644` is octal, `contents: 0644`
a text, `enabled: yes` true. Unlike that reader, a number with a fraction is no whole number here.
"""

import re
from typing import Any

import yaml

from lab.butane.schema import VERSIONS, Version, schema_of
from lab.butane.values import Block, KeyPath, Place, Report, Series
from lab.machineconfig.yamltext import NotYaml, compose_documents, path_text
from pxe.boot.configs.spec import Group, Node, Scalar, Scalars

_CORE = "tag:yaml.org,2002:"
_TRUE = frozenset({"true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)")
_DIGITS = 20
_DEPTH = 30
_VALUES = 20_000  # aliases counted in full: no "billion laughs"
_CHARACTERS = 4 << 20
_WANTED = {str: "a text", int: "a whole number", bool: "true or false"}


class Unreadable(ValueError):
    """Nothing of the file can be read; `report` says why."""

    def __init__(self, report: Report) -> None:
        super().__init__("unreadable")
        self.report = report


def read(text: str, report: Report) -> tuple[Version, Block]:
    """Return the version and the values. Raises Unreadable: no YAML, or of no version that we know."""
    root = _compose(text, report)
    version = _version(root, report)
    if version is None:
        raise Unreadable(report)
    reader = _Reader(version, report)
    found = reader.value(root, schema_of(version), ())
    if not isinstance(found, Block):
        raise Unreadable(report)
    return version, found


def _compose(text: str, report: Report) -> yaml.Node:
    try:
        documents = compose_documents(text)
    except NotYaml as exc:
        report.error(Place(exc.line, exc.column), "", exc.reason)
        raise Unreadable(report) from None
    if not documents:
        report.error(Place(), "", "the file is empty; it begins with variant: flatcar, or variant: fcos")
        raise Unreadable(report)
    if len(documents) > 1:
        report.error(_place(documents[1]), "", "a second document begins; one file has one")
    return documents[0]


def _version(root: yaml.Node, report: Report) -> Version | None:
    """What `variant` and `version` say; noted and None where we know no such thing."""
    pairs = root.value if isinstance(root, yaml.MappingNode) else ()
    words = {
        k.value: v for k, v in pairs if isinstance(k, yaml.ScalarNode) and isinstance(v, yaml.ScalarNode)
    }
    variant, version = words.get("variant"), words.get("version")
    known = VERSIONS.get(variant.value) if variant is not None else None
    if variant is None or known is None:
        there = " and ".join(VERSIONS)
        said = f"{variant.value[:40]!r} is not known here" if variant is not None else "is missing"
        report.error(_place(variant or root), "variant", f"{said}; there are {there}")
        return None
    if version is None or version.value not in known:
        said = f"{version.value[:40]!r} is not known here" if version is not None else "is missing"
        there = f"{variant.value} has {', '.join(known)}"
        report.error(_place(version or root), "version", f"{said}; {there}")
        return None
    return Version(variant.value, version.value, known[version.value])


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


class _Reader:
    """One file's values, by the table of its version."""

    def __init__(self, version: Version, report: Report) -> None:
        self._version, self._report = version, report
        self._values = self._characters = 0

    def value(self, node: yaml.Node, wanted: Node, where: KeyPath) -> Any:
        """The value of a node; None where there is none, or a wrong one, which is noted then."""
        self._values += 1
        if self._values > _VALUES or len(where) > _DEPTH:
            self._error(
                node, where, f"more than {_VALUES} values, aliases counted in full, or {_DEPTH} levels"
            )
            raise Unreadable(self._report)
        if isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULL:
            return None
        if isinstance(wanted, Scalar):
            return self._scalar(node, wanted, where)
        if isinstance(wanted, Scalars):
            return self._list(node, Scalar(str), where)
        return (
            self._list(node, Group(wanted.fields), where) if wanted.many else self._block(node, wanted, where)
        )

    def _error(self, node: yaml.Node, where: KeyPath, message: str) -> None:
        self._report.error(_place(node), path_text(where), message)

    def _list(self, node: yaml.Node, item: Node, where: KeyPath) -> Series | None:
        if not isinstance(node, yaml.SequenceNode):
            self._error(node, where, "must be a list")
            return None
        found = Series(_place(node))
        for number, part in enumerate(node.value):
            value = self.value(part, item, (*where, number))
            if value is not None:
                found.add(value, _place(part))
        return found

    def _block(self, node: yaml.Node, wanted: Group, where: KeyPath) -> Block | None:
        if not isinstance(node, yaml.MappingNode):
            self._error(node, where, "must have keys with values")
            return None
        found, seen = Block(_place(node)), set()
        for key, part in self._pairs(node, where):
            if key.value in seen:
                self._error(key, (*where, key.value), "appears twice")
                continue
            seen.add(key.value)
            known = wanted.fields.get(key.value)
            if known is None or known.since > self._version.minor:
                self._report.warn(
                    _place(key), path_text((*where, key.value)), self._unknown(known), unknown=True
                )
                continue
            value = self.value(part, known, (*where, key.value))
            if value is not None:
                found.put(key.value, value, _place(part))
        return found

    def _unknown(self, known: Node | None) -> str:
        if known is None:
            return f"there is no such key in {self._version}"
        newer = [v for v, minor in VERSIONS[self._version.variant].items() if minor >= known.since]
        hint = f"it came with {newer[0]}" if newer else "Ignition has it, this variant not yet"
        return f"there is no such key in {self._version}; {hint}"

    def _pairs(self, node: yaml.MappingNode, where: KeyPath) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        """Its keys and values, with what it takes over by `<<` behind its own."""
        own: list[tuple[yaml.ScalarNode, yaml.Node]] = []
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._error(key, where, "a key must be a word")
            elif key.value == "<<" and not key.style:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            else:
                own.append((key, value))
        names = {key.value for key, _ in own}
        for other in merged:
            if not isinstance(other, yaml.MappingNode):
                self._error(other, where, "<< takes keys with values")
                continue
            fresh = [(k, v) for k, v in self._merged(other, where) if k.value not in names]
            names |= {key.value for key, _ in fresh}
            own += fresh
        return own

    def _merged(self, node: yaml.MappingNode, where: KeyPath) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        self._values += 1
        if self._values > _VALUES:
            self._error(node, where, f"more than {_VALUES} values, aliases counted in full")
            raise Unreadable(self._report)
        return [pair for pair in node.value if isinstance(pair[0], yaml.ScalarNode) and pair[0].value != "<<"]

    def _scalar(self, node: yaml.Node, wanted: Scalar, where: KeyPath) -> Any:
        if (
            not isinstance(node, yaml.ScalarNode)
            or not node.tag.startswith(_CORE)
            or node.tag.endswith("binary")
        ):
            self._error(node, where, f"must be {_WANTED[wanted.type]}")
            return None
        self._characters += len(node.value)
        if self._characters > _CHARACTERS:
            self._error(node, where, f"more than {_CHARACTERS} characters, aliases counted in full")
            raise Unreadable(self._report)
        if wanted.type is str:
            return node.value
        plain = node.value if not node.style else ""
        if wanted.type is bool and plain in _TRUE | _FALSE:
            return plain in _TRUE
        digits = plain.replace("_", "")
        if wanted.type is int and _INT.fullmatch(digits) and len(digits) <= _DIGITS:
            return _whole(digits)
        quoted = "" if not node.style else ", without quotes"
        self._error(node, where, f"must be {_WANTED[wanted.type]}{quoted}")
        return None


def _whole(digits: str) -> int:
    """A number as Go's ParseInt reads it: with a leading zero alone it is octal."""
    bare = digits.lstrip("+-")
    if len(bare) > 1 and bare[0] == "0" and bare[1].isdigit():
        digits = digits.replace("0", "0o", 1)
    return int(digits, 0)
