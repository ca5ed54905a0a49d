"""Documents against each other: what is said twice, or in two places that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lab.machineconfig.faults import Fault
from lab.machineconfig.yamltext import KeyPath

if TYPE_CHECKING:
    from lab.machineconfig.loading import Part

# A key of the base document, and the document that says the same.
_SAME: tuple[tuple[KeyPath, str], ...] = (
    (("machine", "network", "hostname"), "HostnameConfig"),
    (("machine", "network", "nameservers"), "ResolverConfig"),
    (("machine", "network", "searchDomains"), "ResolverConfig"),
    (("machine", "time"), "TimeSyncConfig"),
    (("machine", "install"), "UnattendedInstallConfig"),
)


def conflicts(parts: Sequence[Part], sound: Sequence[Part]) -> list[Fault]:
    """Return what is said twice in documents whose kind is known; `sound`: those without a fault so far."""
    return [*_twice(parts)] or [*_two_places(parts), *_links(sound), *_addresses(sound)]


def _twice(parts: Sequence[Part]) -> Iterator[Fault]:
    seen: dict[tuple[str, str], Part] = {}
    for part in parts:
        first = seen.setdefault((part.kind, part.name), part)
        if first is not part:
            what = "is" if part.kind else "the base document is"
            yield part.fault((), f"{what} there twice; the first begins in line {first.yaml.line_of(())}")


def _two_places(parts: Sequence[Part]) -> Iterator[Fault]:
    for base in (part for part in parts if not part.kind):
        for where, kind in _SAME:
            if _value(base, where) is not None and any(part.kind == kind for part in parts):
                yield base.fault(where, f"is said in a {kind} document, too; keep one of them")


def _links(parts: Sequence[Part]) -> Iterator[Fault]:
    """An interface is described once: in the base document or in documents of its own."""
    own = {part.name for part in parts if part.kind in ("LinkConfig", "DHCPv4Config")}
    seen: set[str] = set()
    for base in (part for part in parts if not part.kind):
        for number, entry in enumerate(_value(base, ("machine", "network", "interfaces")) or []):
            where = ("machine", "network", "interfaces", number)
            name = entry.get("interface") or entry["deviceSelector"]["hardwareAddr"].lower()
            if name in own:
                yield base.fault(
                    where, f"{name} has a LinkConfig or DHCPv4Config document, too; keep one of them"
                )
            if name in seen:
                yield base.fault(where, f"{name} is there twice")
            seen.add(name)


def _addresses(parts: Sequence[Part]) -> Iterator[Fault]:
    """One address belongs to one interface."""
    seen: dict[str, str] = {}
    for part in parts:
        for where, text in _addresses_of(part):
            here = part.path(where)
            first = seen.setdefault(text.partition("/")[0], here)
            if first != here:
                yield part.fault(where, f"{text} is the address at {first}, too")


def _addresses_of(part: Part) -> Iterator[tuple[KeyPath, str]]:
    if part.kind == "LinkConfig":
        for number, entry in enumerate(_value(part, ("addresses",)) or []):
            yield ("addresses", number, "address"), entry["address"]
    if part.kind:
        return
    for link, entry in enumerate(_value(part, ("machine", "network", "interfaces")) or []):
        for number, text in enumerate(entry.get("addresses", [])):
            yield ("machine", "network", "interfaces", link, "addresses", number), text


def _value(part: Part, where: KeyPath) -> Any:
    value: Any = part.yaml.data
    for key in where:
        value = value.get(key) if isinstance(value, dict) else None
    return value
