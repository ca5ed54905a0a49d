"""What changes between two configs, for people: a dry run's answer."""

import difflib

from lab.machineconfig.config import Document, MachineConfig, dump_data
from lab.machineconfig.secrets import masked

_CONTEXT = 3


def difference(old: MachineConfig, new: MachineConfig) -> str:
    """Return a unified difference with secrets masked; empty where both say the same.

    Keys are in alphabetical order in it, because their order means nothing.
    """
    if old == new:
        return ""
    before = _lines(old, new, "before")
    after = _lines(new, old, "after")
    lines = difflib.unified_diff(before, after, "config now", "config after", n=_CONTEXT, lineterm="")
    return "\n".join(lines) + "\n"


def _lines(config: MachineConfig, other: MachineConfig, mark: str) -> list[str]:
    lines: list[str] = []
    for document in config.documents:
        lines += ["---", *_document(document, other, mark)]
    return lines


def _document(document: Document, other: MachineConfig, mark: str) -> list[str]:
    there = other.find(document.kind, document.name)
    return dump_data(masked(document.kind, document.data, there, mark), sort_keys=True).splitlines()
