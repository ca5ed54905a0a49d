"""Strategic-merge patches: a patch is a config with only what changes; its documents are applied in order.

Documents are matched by kind and name, else appended. Keys merge; a value replaces a value; lists append,
except those of `_REPLACED` and `_KEYED`. `$patch: delete` removes the key, item or document it stands in.
So an item of a list is swapped by two documents of one patch: the first deletes, the second adds.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lab.machineconfig.config import MachineConfig
from lab.machineconfig.faults import ConfigFaults, Fault
from lab.machineconfig.kinds import KINDS
from lab.machineconfig.loading import Part, assemble, read_parts
from lab.machineconfig.schema import shown
from lab.machineconfig.yamltext import KeyPath, YamlDocument

_DIRECTIVE = "$patch"

# Lists by the kind of document and the keys above them; "*" stands for any item.
_REPLACED = frozenset(
    {
        ("", "cluster", "network", "podSubnets"),
        ("", "cluster", "network", "serviceSubnets"),
    }
)
_REPLACED_MAPS = frozenset({("", "cluster", "apiServer", "auditPolicy")})
_KEYED: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("", "machine", "network", "interfaces"): ("interface", "deviceSelector"),
    ("", "machine", "network", "interfaces", "*", "vlans"): ("vlanId",),
    ("ExtensionServiceConfig", "configFiles"): ("mountPath",),
}


def merge(config: MachineConfig, patch_text: str) -> MachineConfig:
    """Return `config` with the patch applied; `config` itself stays as it is.

    Raises ConfigFaults: the patch is no YAML, deletes what is not there, puts a value of another shape over
    one that is there, or the config that would come out has faults.
    """
    documents = {(d.kind, d.name): copy.deepcopy(dict(d.data)) for d in config.documents}
    apply_patch(patch_text, documents)
    found = [
        Part(number, kind, name, YamlDocument(data))
        for number, ((kind, name), data) in enumerate(documents.items(), 1)
    ]
    return assemble(found, () if found else [Fault("", "the patch deletes every document; one must be left")])


def apply_patch(
    patch_text: str, documents: dict[tuple[str, str], dict[str, Any]], *, any_kind: bool = False
) -> None:
    """Change `documents` as the patch says. Raises ConfigFaults; then they are worth nothing.

    `any_kind`: documents of kinds that we do not know are patched, too.
    """
    parts, found = read_patch(patch_text, any_kind=any_kind)
    if found:
        raise ConfigFaults(found)
    faults = [fault for part in parts for fault in _Patch(part, any_kind).apply(documents)]
    if faults:
        raise ConfigFaults(faults)


@lru_cache(maxsize=4)
def read_patch(text: str, *, any_kind: bool = False) -> tuple[list[Part], list[Fault]]:
    """Read a patch once, however many configs it is merged into. Nobody changes what this returns."""
    return read_parts(text, any_kind=any_kind)


@dataclass
class _Patch:
    """One document of a patch at work; every function returns or notes faults with the patch's lines."""

    part: Part
    any_kind: bool = False

    def apply(self, documents: dict[tuple[str, str], dict[str, Any]]) -> list[Fault]:
        """Change `documents`. Returns what does not apply; then they are worth nothing."""
        self.faults: list[Fault] = []
        data: Any = self.part.yaml.data
        key = (self.part.kind, self.part.name)
        if isinstance(data, list):
            self._fault(
                (), "is a list: a JSON patch (RFC 6902); write a strategic-merge patch: keys with values"
            )
        elif not isinstance(data, dict):
            self._fault((), f"document {self.part.number} of the patch must have keys with values")
        elif "kind" in data and not (self.part.kind and self.any_kind) and self.part.kind not in KINDS:
            self._fault(("kind",), f"no such kind of document: {shown(data['kind'])}")
        elif _DIRECTIVE in data:
            if self._is_delete(data, ()) and documents.pop(key, None) is None:
                self._fault((), "cannot be deleted: the config has no such document")
        elif key in documents:
            self._merge_map(documents[key], data, ())
        else:
            documents[key] = self._fresh(data, ())
        return self.faults

    def _fault(self, where: KeyPath, reason: str) -> None:
        self.faults.append(self.part.fault(where, reason))

    def _is_delete(self, value: Mapping[str, Any], where: KeyPath) -> bool:
        if value[_DIRECTIVE] != "delete":
            self._fault((*where, _DIRECTIVE), f"must be delete, not {shown(value[_DIRECTIVE])}")
            return False
        return True

    def _merge_map(self, old: dict[str, Any], new: Mapping[str, Any], where: KeyPath) -> None:
        for key, value in new.items():
            place = (*where, key)
            if isinstance(value, dict) and _DIRECTIVE in value:
                if self._is_delete(value, place) and old.pop(key, None) is None:
                    self._fault(place, "cannot be deleted: the config has no such key")
            elif key not in old:
                old[key] = self._fresh(value, place)
            else:
                old[key] = self._merged(old[key], value, place)

    def _merged(self, old: Any, new: Any, where: KeyPath) -> Any:
        if isinstance(old, dict) != isinstance(new, dict) or isinstance(old, list) != isinstance(new, list):
            self._fault(
                where, f"does not apply: the patch has {shown(new)} where the config has {shown(old)}"
            )
        elif isinstance(old, dict) and self._rule(where) not in _REPLACED_MAPS:
            self._merge_map(old, new, where)
            return old
        elif isinstance(old, list) and self._rule(where) not in _REPLACED:
            return self._merge_list(old, new, where)
        return self._fresh(new, where)

    def _merge_list(self, old: list[Any], new: list[Any], where: KeyPath) -> list[Any]:
        identity = _KEYED.get(self._rule(where), ())
        for number, item in enumerate(new):
            place = (*where, number)
            wanted = _identity(item, identity)
            match = next((o for o in old if wanted and _identity(o, identity) == wanted), None)
            if isinstance(item, dict) and _DIRECTIVE in item:
                old = self._without(old, item, wanted, place)
            elif isinstance(match, dict):
                self._merge_map(match, {k: v for k, v in item.items() if k not in wanted}, place)
            else:
                old = [*old, self._fresh(item, place)]
        return old

    def _without(
        self, old: list[Any], item: dict[str, Any], wanted: Mapping[str, Any], where: KeyPath
    ) -> list[Any]:
        if not self._is_delete(item, where):
            return old
        wanted = wanted or {key: value for key, value in item.items() if key != _DIRECTIVE}
        if not wanted:
            self._fault(where, "does not say which item is to be deleted: give one of its keys")
            return old
        kept = [entry for entry in old if not (isinstance(entry, dict) and wanted.items() <= entry.items())]
        if len(kept) == len(old):
            said = ", ".join(f"{key}: {shown(value)}" for key, value in wanted.items())
            self._fault(where, f"cannot be deleted: the config's list has no item with {said}")
        return kept

    def _fresh(self, value: Any, where: KeyPath) -> Any:
        """Return a copy of what the patch adds where nothing was; nothing can be deleted there."""
        if isinstance(value, dict):
            if _DIRECTIVE in value:
                self._fault(where, "cannot be deleted: the config has nothing there")
            fresh = {key: self._fresh(item, (*where, key)) for key, item in value.items()}
            # Without what could not be deleted: nothing else is wrong with what follows
            return {k: v for k, v in fresh.items() if not (isinstance(v, dict) and _DIRECTIVE in v)}
        if isinstance(value, list):
            return [self._fresh(item, (*where, number)) for number, item in enumerate(value)]
        return value

    def _rule(self, where: KeyPath) -> tuple[str, ...]:
        return (self.part.kind, *("*" if isinstance(key, int) else key for key in where))


def _identity(item: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    """Return those of an item's keys that tell which one it is."""
    return {key: item[key] for key in keys if key in item} if isinstance(item, dict) else {}
