"""The node's state as COSI resources: made when somebody looks, with a new version if they differ."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from lab.refos.guest.node import Node

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; times are Unix time, `spec` is YAML."""

    namespace: str
    type: str
    id: str
    version: int
    created: float
    updated: float
    spec: str


def _machine_status(node: "Node") -> dict[str, Any]:
    unmet = [{"name": name, "reason": reason} for name, reason in node.machine.unmet]
    status = {"ready": node.machine.ready, "unmetConditions": unmet}
    return {"machine": {"stage": node.machine.stage.word, "status": status}}


def _resolver_status(node: "Node") -> dict[str, Any]:
    servers, search = node.platform.network.resolvers()
    return {"resolvers": {"dnsServers": list(servers), "searchDomains": list(search)}}


def _machine_config(node: "Node") -> dict[str, Any]:
    configuration = node.machine.configuration
    found = {"v1alpha1": configuration.active, "persistent": configuration.persistent}
    return {name: text for name, text in found.items() if text is not None}


def _version(node: "Node") -> dict[str, Any]:
    return {"version": {"version": node.platform.release.version}}


def _booted_entry(node: "Node") -> dict[str, Any]:
    slot = node.machine.slots.booted
    return {"booted": {"bootedEntry": slot.value}} if slot is not None else {}


def _meta_keys(node: "Node") -> dict[str, Any]:
    return {
        f"{key:#04x}": {"value": text.decode(errors="replace")} for key, text in sorted(node.meta.items())
    }


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of resource: where it lives, who may see it, how it is made: {id: spec}."""

    namespace: str
    sensitive: bool
    make: Callable[["Node"], dict[str, Any]]


KINDS: Mapping[str, Kind] = {
    "MachineStatuses.runtime.talos.dev": Kind("runtime", False, _machine_status),
    "ResolverStatuses.net.talos.dev": Kind("network", False, _resolver_status),
    "MachineConfigs.config.talos.dev": Kind("config", True, _machine_config),
    "Versions.runtime.talos.dev": Kind("runtime", False, _version),
    "BootedEntries.talos.dev": Kind("runtime", False, _booted_entry),
    "MetaKeys.runtime.talos.dev": Kind("runtime", True, _meta_keys),
}


class Resources:
    """What was last seen of each resource of one node."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._seen: dict[tuple[str, str], tuple[Any, Resource]] = {}

    def all(self, kind: str) -> list[Resource]:
        """Return the resources of a type as they are now."""
        namespace = KINDS[kind].namespace
        made = KINDS[kind].make(self._node)
        for key in [key for key in self._seen if key[0] == kind and key[1] not in made]:
            del self._seen[key]
        return [self._resource(namespace, kind, name, spec) for name, spec in made.items()]

    def _resource(self, namespace: str, kind: str, name: str, spec: Any) -> Resource:
        seen = self._seen.get((kind, name))
        if seen is not None and seen[0] == spec:
            return seen[1]
        now = time.time()
        text = spec if isinstance(spec, str) else _yaml(json.dumps(spec))
        old = seen[1] if seen is not None else None
        version, created = (old.version + 1, old.created) if old is not None else (1, now)
        resource = Resource(namespace, kind, name, version, created, now, text)
        self._seen[kind, name] = (spec, resource)
        return resource


@lru_cache(64)
def _yaml(told: str) -> str:
    """Return JSON as YAML; a node says the same few things again and again."""
    text: str = yaml.dump(json.loads(told), Dumper=_Dumper, sort_keys=False)
    return text
