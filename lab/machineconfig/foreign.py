"""A configuration of a node that may know more than refos: its documents as they are, keys unchecked.

A rollout reads thousands that have most documents in common: each text of one is read and patched once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lab.machineconfig.config import dump_data
from lab.machineconfig.faults import ConfigFaults, Fault
from lab.machineconfig.loading import MAX_CHARACTERS, Part, read_parts
from lab.machineconfig.merging import apply_patch, read_patch
from lab.machineconfig.yamltext import split_documents

Key = tuple[str, str]  # kind and name

_KEPT = 256  # documents


@dataclass(frozen=True)
class ForeignDocument:
    """One document; two are equal that say the same. Nobody changes `data`."""

    kind: str
    name: str
    data: Mapping[str, Any]
    text: str = field(compare=False)

    @property
    def key(self) -> Key:
        """What a patch means it by."""
        return self.kind, self.name


@dataclass(frozen=True)
class ForeignConfig:
    """Documents in the text's order. Two are equal that say the same, in whatever order."""

    documents: Mapping[Key, ForeignDocument]

    @classmethod
    def read(cls, text: str) -> ForeignConfig:
        """Read a text. Raises ConfigFaults: it is no YAML, or nobody can say which document a patch means."""
        texts = split_documents(text) if len(text) <= MAX_CHARACTERS else None
        if texts is not None:
            parts = [_document(part) for part in texts]
            found = {document.key: document for document in parts if document is not None}
            if len(found) == len(parts):
                return cls(found)
        return cls(_read(text))  # all at once: this knows the lines of the faults

    def patched(self, patch_text: str) -> ForeignConfig:
        """Return it with a strategic-merge patch applied. Documents that it does not name stay as they are.

        Raises ConfigFaults: the patch is no YAML, or does not apply to what is there.
        """
        parts, faults = read_patch(patch_text, any_kind=True)
        if faults:
            raise ConfigFaults(faults)
        named = {(part.kind, part.name) for part in parts}
        changed = _patched(tuple(d.text for key, d in self.documents.items() if key in named), patch_text)
        kept = {
            key: changed.get(key, document)
            for key, document in self.documents.items()
            if key not in named or key in changed
        }
        if not kept and not changed:
            raise ConfigFaults([Fault("", "the patch deletes every document; one must be left")])
        return ForeignConfig({**kept, **changed})

    def dump(self) -> str:
        """Return the YAML text; comments are lost in what was patched."""
        return "---\n".join(document.text for document in self.documents.values())


def patch(text: str, patch_text: str) -> str:
    """Return a configuration's text with the patch applied, whatever keys and kinds of documents it has.

    What is unknown here goes along as it is, and the node says whether it is right. Raises ConfigFaults: one
    of the two is no YAML, or the patch does not apply to what is there.
    """
    return ForeignConfig.read(text).patched(patch_text).dump()


@lru_cache(_KEPT)
def _document(text: str) -> ForeignDocument | None:
    """Read one document; None where it is not whole and right by itself."""
    try:
        # Without its last newline, a line more would change what a text in | style is
        (document,) = _read(text, as_text=text.lstrip("\r\n") if text.endswith("\n") else None).values()
    except (ConfigFaults, ValueError):
        return None
    return document


def _read(text: str, as_text: str | None = None) -> dict[Key, ForeignDocument]:
    """Read documents; their text is `as_text`, or written anew. Raises ConfigFaults."""
    parts, faults = read_parts(text, any_kind=True)
    found: dict[Key, ForeignDocument] = {}
    for part in parts:
        data: Any = part.yaml.data
        key = part.kind, part.name
        if not isinstance(data, dict):
            faults.append(part.fault((), f"document {part.number} must have keys with values"))
        elif key in found:
            faults.append(part.fault((), "is there twice: nobody can say which one a patch means"))
        else:
            faults += _merge_keys(part)
            found[key] = ForeignDocument(*key, data, dump_data(data) if as_text is None else as_text)
    if faults:
        raise ConfigFaults(faults)
    return found


@lru_cache(_KEPT)
def _patched(texts: tuple[str, ...], patch_text: str) -> Mapping[Key, ForeignDocument]:
    """Return what becomes of the documents that a patch names. Raises ConfigFaults."""
    documents = {key: dict(found.data) for text in texts for key, found in _read(text).items()}
    apply_patch(patch_text, documents, any_kind=True)
    return {key: ForeignDocument(*key, data, dump_data(data)) for key, data in documents.items()}


def _merge_keys(part: Part) -> list[Fault]:
    """YAML 1.1's `<<` would be written back as a plain key."""
    return [
        part.fault(where, "merge keys (<<) are not read here; write out what it stands for")
        for where in part.yaml.lines
        if where and where[-1] == "<<"
    ]
