"""A query string -> who asks for which graph."""

import hashlib
import math
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

LONGEST = 4096  # characters; Zincati's has about 300
_MOST_KEYS = 32
_WARINESS_DIGITS = 1_000_000
_NUMBER = re.compile(r"[+-]?[0-9.]{1,20}([eE][+-]?[0-9]{1,3})?|[+-]?inf")


class QueryError(ValueError):
    """The query cannot be answered: `kind` for programs, the message for people."""

    def __init__(self, kind: str, value: str) -> None:
        super().__init__(value)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which graph: one stream on one architecture, by OSTree checksum or by container image."""

    stream: str
    basearch: str
    oci: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a node asks. `wariness`: 0 takes every rollout at its start, 1 none before its end."""

    scope: Scope
    wariness: float
    node: str = ""
    version: str = ""
    checksum: str = ""
    group: str = ""
    platform: str = ""


def parse(raw: bytes) -> Query:
    """Return the query. Raises QueryError, and nothing else, whatever the bytes."""
    if len(raw) > LONGEST:
        raise QueryError("invalid_query", f"the query is longer than {LONGEST} bytes")
    try:
        found = dict(
            parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_KEYS)
        )
    except ValueError:
        raise QueryError("invalid_query", "the query is not percent-encoded UTF-8 of few keys") from None
    for key, value in found.items():
        if not value.isprintable() or len(value) > 512:
            raise QueryError("invalid_query", f"{key[:40]!a} is too long or cannot be printed")
    scope = Scope(
        stream=_required(found, "stream"),
        basearch=_required(found, "basearch"),
        oci=_boolean(found.get("oci", "false")),
    )
    node = found.get("node_uuid", "")[:64]
    return Query(
        scope=scope,
        wariness=wariness(found.get("rollout_wariness", ""), node),
        node=node,
        version=found.get("os_version", "")[:64],
        checksum=found.get("os_checksum", ""),
        group=found.get("group", "")[:64],
        platform=found.get("platform", "")[:64],
    )


def wariness(text: str, node: str) -> float:
    """What a node says of itself, within 0 and 1; else a number made of its id: the same at every check.

    Never 0 without being asked for, so that a rollout that begins with 0 percent lets nobody in. The vendor's
    server hashes with Rust's SipHash, so the same node has another number there.
    """
    if _NUMBER.fullmatch(text):
        try:
            said = float(text)
        except ValueError:
            said = math.nan
        if not math.isnan(said):
            return min(max(said, 0.0), 1.0)
    digest = int.from_bytes(hashlib.sha256(node.encode()).digest()[:8], "big")
    return (digest % _WARINESS_DIGITS + 1) / _WARINESS_DIGITS


def _required(found: dict[str, str], key: str) -> str:
    value = found.get(key)
    if not value:
        raise QueryError("invalid_scope", f"{'missing' if value is None else 'empty'} {key}")
    return value


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise QueryError("invalid_query", "oci is neither true nor false")
    return text == "true"
