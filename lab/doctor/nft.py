"""What a ruleset of nftables does to a packet: `nft -j list ruleset` read conservatively. Pure.

Rules are weighed with three values. What we do not understand (sets, marks, a foreign match) may match or
not: then the outcome is MAY_DROP, never a guess.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network
from typing import Any

_DEEPEST = 16  # jumps, as in the kernel
_HOOKS = ("prerouting", "input")
_FAMILIES = ("ip", "inet")


class Outcome(StrEnum):
    """What becomes of the packet."""

    ACCEPT = "accept"
    DROP = "drop"
    MAY_DROP = "may drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The packet that is asked about."""

    interface: str
    protocol: str
    port: int
    source: str = "0.0.0.0"
    target: str = "255.255.255.255"
    state: str = "new"  # of connection tracking


@dataclass(frozen=True, slots=True)
class Fate:
    """The outcome, and the chain (`family table chain`) that decides."""

    outcome: Outcome
    chain: str = ""


def fate(ruleset: Mapping[str, Any], probe: Probe) -> Fate:
    """Return what the chains at `input` and `prerouting` do to an incoming packet.

    `ruleset` is the JSON of nft, of whatever shape: what is not as expected is passed over.
    """
    chains: dict[tuple[str, str, str], dict[str, Any]] = {}
    rules: dict[tuple[str, str, str], list[list[Any]]] = {}
    for entry in _list(ruleset.get("nftables")):
        chain, rule = _part(entry, "chain"), _part(entry, "rule")
        if chain:
            chains[_key(chain, "name")] = chain
        if rule:
            rules.setdefault(_key(rule, "chain"), []).append(_list(rule.get("expr")))
    base = [key for key, c in chains.items() if c.get("hook") in _HOOKS and key[0] in _FAMILIES]
    base.sort(key=lambda key: (_HOOKS.index(chains[key]["hook"]), _number(chains[key].get("prio"))))
    worst = Fate(Outcome.ACCEPT)
    for key in base:
        doubts: set[Outcome] = set()
        end = _walk(key, rules, probe, doubts, 0)
        final = end or (Outcome.DROP if chains[key].get("policy") == "drop" else Outcome.ACCEPT)
        if final is Outcome.DROP and not doubts:
            return Fate(Outcome.DROP, " ".join(key))
        if Outcome.DROP in (final, *doubts):
            worst = Fate(Outcome.MAY_DROP, " ".join(key))
    return worst


_Rules = Mapping[tuple[str, str, str], list[list[Any]]]


def _walk(
    key: tuple[str, str, str], rules: _Rules, probe: Probe, doubts: set[Outcome], depth: int
) -> Outcome | None:
    """Return the verdict of a chain (None: it returns); `doubts` gets those that uncertain rules may give."""
    for expressions in rules.get(key, []):
        certain = _matches(expressions, probe)
        if certain is False:
            continue
        verdict = _verdict(expressions)
        if verdict is not None and not isinstance(verdict, Outcome):  # jump or goto
            target = (key[0], key[1], verdict)
            verdict = _walk(target, rules, probe, doubts, depth + 1) if depth < _DEEPEST else None
        if not certain:
            doubts |= {verdict} if verdict is not None else set()
        elif verdict is not None:
            return verdict
        elif _words(expressions) & {"return", "goto"}:
            return None
    return None


def _verdict(expressions: Iterable[Any]) -> Outcome | str | None:
    for expression in expressions:
        for word, value in _items(expression):
            if word == "accept":
                return Outcome.ACCEPT
            if word in ("drop", "reject"):
                return Outcome.DROP
            if word in ("jump", "goto") and isinstance(value, dict):
                return str(value.get("target"))
    return None


def _words(expressions: Iterable[Any]) -> set[str]:
    return {word for expression in expressions for word, _ in _items(expression)}


def _matches(expressions: Iterable[Any], probe: Probe) -> bool | None:
    """Whether all conditions hold; None: not known."""
    certain = True
    for expression in expressions:
        for word, value in _items(expression):
            if word == "match":
                holds = _holds(value, probe)
                if holds is False:
                    return False
                certain = certain and holds is not None
            elif word in ("limit", "xt", "vmap", "lookup", "quota"):
                certain = False
    return True if certain else None


def _holds(match: Any, probe: Probe) -> bool | None:
    if not isinstance(match, dict):
        return None
    value = _value(match.get("left"), probe)
    if value is False:
        return False
    if value is None:
        return None
    found = _among(value, match.get("right"))
    return (not found if match.get("op") == "!=" else found) if found is not None else None


def _value(left: Any, probe: Probe) -> str | int | bool | None:
    """What the packet has there; False: it has no such header, None: not known."""
    (what, detail), *_ = [*_items(left), ("", None)]
    detail = detail if isinstance(detail, dict) else {}
    name = str(detail.get("key") or detail.get("field"))
    if what == "meta":
        known = {
            "iifname": probe.interface,
            "iif": probe.interface,
            "l4proto": probe.protocol,
            "nfproto": "ipv4",
        }
        return known.get(name)
    if what == "ct":
        return probe.state if name == "state" else None
    if what != "payload":
        return None
    protocol = detail.get("protocol")
    if protocol in ("udp", "tcp", "icmp", "icmpv6", "ip6", "sctp", "arp") and protocol != probe.protocol:
        return False
    if protocol == "ip":
        return {"protocol": probe.protocol, "saddr": probe.source, "daddr": probe.target}.get(name)
    return probe.port if protocol in (probe.protocol, "th") and name == "dport" else None


def _among(value: str | int | bool, right: Any) -> bool | None:
    if isinstance(right, dict):
        return _in_compound(value, right)
    if isinstance(right, list):
        found = [_among(value, one) for one in right]
        return True if True in found else None if None in found else False
    if isinstance(right, str) and right.startswith("@"):
        return None
    if isinstance(right, str) and isinstance(value, str):
        return fnmatchcase(value, right)
    return right == value if isinstance(right, str | int) else None


def _in_compound(value: str | int | bool, right: dict[str, Any]) -> bool | None:
    (kind, detail), *_ = [*right.items(), ("", None)]
    if kind == "set":
        return _among(value, detail)
    if kind == "range" and isinstance(value, int) and isinstance(detail, list) and len(detail) == 2:
        low, high = detail
        return low <= value <= high if isinstance(low, int) and isinstance(high, int) else None
    if kind == "prefix" and isinstance(detail, dict):
        try:
            network = IPv4Network(f"{detail.get('addr')}/{detail.get('len')}")
            return IPv4Address(value) in network
        except ValueError:
            return None
    return None


def _key(part: Mapping[str, Any], name: str) -> tuple[str, str, str]:
    return (str(part.get("family")), str(part.get("table")), str(part.get(name)))


def _part(entry: Any, name: str) -> dict[str, Any]:
    value = entry.get(name) if isinstance(entry, dict) else None
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
