"""Text -> MachineConfig: check each document against its kind, then the documents against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lab.machineconfig.config import Document, MachineConfig
from lab.machineconfig.conflicts import conflicts
from lab.machineconfig.faults import ConfigFaults, Fault
from lab.machineconfig.kinds import BASE, KINDS, NAMED
from lab.machineconfig.schema import Finding, unknown
from lab.machineconfig.yamltext import (
    KeyPath,
    NotYaml,
    YamlDocument,
    path_text,
    read_documents,
    split_documents,
)

MAX_CHARACTERS = 1 << 18  # reading YAML takes a second per 100,000 on a host, longer in a guest
_PATH = 300  # characters: keys come from strangers
_KEPT = 64  # documents


@dataclass(frozen=True)
class Part:
    """One document of a text: its kind and name as far as they can be told, and where its values stand."""

    number: int
    kind: str
    name: str
    yaml: YamlDocument

    def fault(self, where: KeyPath, reason: str) -> Fault:
        """Return a fault at `where` of this document."""
        return Fault(self.path(where), reason, self.yaml.line_of(where) if self.yaml.lines else None)

    def path(self, where: KeyPath) -> str:
        """Return `LinkConfig[eth0].addresses[0]`, or `machine.type` in the base document."""
        title = f"{self.kind}[{self.name}]" if self.name else self.kind
        text = ".".join(filter(None, (title, path_text(where)))).replace(".[", "[")
        return "".join(char if char.isprintable() else "?" for char in text[:_PATH])


def load(text: str) -> MachineConfig:
    """Return the config that `text` is. Raises ConfigFaults with every fault at once, in the lines' order."""
    whole = _known(text)
    if whole is not None:
        return whole
    parts, faults = read_parts(text)
    if not parts and not faults:
        raise ConfigFaults([Fault("", "the text is empty; a machine config has at least one document")])
    return assemble(parts, faults)


def _known(text: str) -> MachineConfig | None:
    """Return the config where it has no fault, from documents that were read before as far as there are such.

    A fleet in one process has most of them in common: reading them for each node took a tenth of its time.
    """
    texts = split_documents(text) if len(text) <= MAX_CHARACTERS else None
    found = [_whole(part) for part in texts or ()]
    whole = [one for one in found if one is not None]
    parts = [part for part, _ in whole]
    if not whole or len(whole) < len(found) or conflicts(parts, parts):
        return None
    return _in_order(document for _, document in whole)


@lru_cache(_KEPT)
def _whole(text: str) -> tuple[Part, Document] | None:
    """Read one document; None where it has a fault."""
    try:
        parts, faults = read_parts(text)
        (document,) = assemble(parts, faults).documents
    except (ConfigFaults, ValueError):
        return None
    return parts[0], document


def _in_order(documents: Iterable[Document]) -> MachineConfig:
    return MachineConfig(tuple(sorted(documents, key=lambda document: (document.kind, document.name))))


def assemble(parts: Iterable[Part], faults: Iterable[Fault] = ()) -> MachineConfig:
    """Return the config that has these documents. Raises ConfigFaults with `faults` and those found."""
    parts = tuple(parts)
    found, sound = [*faults], []
    for part in parts:
        wrong = [part.fault(finding.where, finding.reason) for finding in _findings(part)]
        found += wrong
        if not wrong:
            sound.append(part)
    found += conflicts([part for part in parts if _known_kind(part)], sound)
    documents = [
        Document(part.kind, part.name, part.yaml.data) for part in parts if isinstance(part.yaml.data, dict)
    ]
    if found:
        raise ConfigFaults(sorted(set(found), key=lambda fault: (fault.line or 0, fault.path, fault.reason)))
    return _in_order(documents)


def read_parts(text: str, *, any_kind: bool = False) -> tuple[list[Part], list[Fault]]:
    """Return a text's documents, empty ones left out, and what is wrong with them as YAML.

    `any_kind`: documents of a kind that we do not know have names, too. Raises ConfigFaults where the text is
    no YAML at all.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigFaults([Fault("", f"larger than {MAX_CHARACTERS} characters; that is no machine config")])
    try:
        documents = read_documents(text)
    except NotYaml as exc:
        raise ConfigFaults([Fault("", exc.reason, exc.line)]) from exc
    faults = [Fault("", reason, line) for document in documents for line, reason in document.faults]
    kept = [document for document in documents if document.data is not None]
    return [_part(number, document, any_kind=any_kind) for number, document in enumerate(kept, 1)], faults


def _part(number: int, document: YamlDocument, *, any_kind: bool) -> Part:
    data = document.data if isinstance(document.data, Mapping) else {}
    kind, name = (value if isinstance(value, str) else "" for value in (data.get("kind"), data.get("name")))
    named = kind in NAMED or (any_kind and kind)
    return Part(number, kind, name if named else "", document)


def _known_kind(part: Part) -> bool:
    """Whether it can be told what a document describes, whatever is wrong in it."""
    if not isinstance(part.yaml.data, dict):
        return False
    return "kind" not in part.yaml.data or (part.kind in KINDS and bool(part.name or part.kind not in NAMED))


def _findings(part: Part) -> Iterable[Finding]:
    data: Any = part.yaml.data
    if not isinstance(data, dict):
        return [Finding((), f"document {part.number} must have keys with values")]
    if "kind" not in data:
        return BASE.check(data, ())
    if part.kind not in KINDS:
        given = part.kind or "this"
        return [Finding(("kind",), unknown(given, KINDS, "kind of document"))]
    return KINDS[part.kind].check(data, ())
