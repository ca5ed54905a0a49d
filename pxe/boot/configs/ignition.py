"""Ignition configs: which spec a client wants, what is wrong with a stored one, the same in an older spec.

Ignition says in its Accept header up to which version of the spec it reads. A client takes all older 3.x, so
a config is only ever rewritten downwards, and only where no word of it gets lost.
"""

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pxe.boot.configs.rules import broken_rules
from pxe.boot.configs.spec import NEWEST, SPEC
from pxe.boot.configs.values import data_url
from pxe.boot.configs.walk import faults, pruned
from pxe.errors import PlanError, RefusalReason, RequestRefused

MEDIA_TYPE = "application/vnd.coreos.ignition+json"
CHILD_BYTES = 1024 * 1024
_DEPTH = 4  # of configs within configs, as data: URLs
_VERSION = re.compile(r"(\d{1,4})(?:\.(\d{1,4})(?:\.\d{1,4})?)?(-[0-9A-Za-z.-]+)?")
_SPECIAL_BITS = 0o7000


@dataclass(frozen=True, slots=True)
class Ignition:
    """A valid config of spec 3.`minor`."""

    minor: int
    config: dict[str, Any]

    def text(self) -> str:
        """As JSON."""
        return json.dumps(self.config, ensure_ascii=False, separators=(",", ":"))


def accepted(header: str) -> tuple[int, int] | None:
    """Return the newest version of the spec that an Accept header names; None: it names none.

    Ignition 0.x sends two (`version=2.4.0`, and `version=1` with a lower q), 2.x one.
    """
    found = []
    for part in header.split(","):
        kind, *options = (word.strip() for word in part.split(";"))
        if kind.lower() != MEDIA_TYPE:
            continue
        for option in options:
            name, _, value = option.partition("=")
            match = _VERSION.fullmatch(value.strip().strip('"'))
            if name.strip().lower() == "version" and match:
                found.append((int(match[1]), int(match[2] or 0)))
    return max(found, default=None)


def parse(text: str) -> Ignition:
    """Return a config of spec 3.0 to 3.6. Raises PlanError with its first fault, as `where: sentence`."""
    return _parse(text, _DEPTH)


def _parse(text: str, depth: int) -> Ignition:
    try:
        config = json.loads(text, parse_constant=_not_json, object_pairs_hook=_once)
    except (ValueError, RecursionError) as exc:
        raise PlanError(f"not JSON: {exc}" if isinstance(exc, ValueError) else "nested too deeply") from None
    minor = _minor_of(config)
    fault = next(faults(SPEC, config, minor), None) or next(broken_rules(config, minor), None)
    if fault is not None:
        raise PlanError(f"{fault} (the config says spec 3.{minor})")
    for where, child in _children(config):
        if depth == 0:
            raise PlanError(f"{where}: configs within configs, {_DEPTH} deep")
        try:
            _parse(child, depth - 1)
        except PlanError as exc:
            raise PlanError(f"{where}: the config in it: {exc}") from None
    return Ignition(minor, config)


def converted(ignition: Ignition, wanted: tuple[int, int] | None) -> Ignition:
    """Return the config for a client that reads up to `wanted` (None: it did not say; as it is).

    Raises RequestRefused (UNSUPPORTED) where the client is of spec 2.x or 1, or something would be lost.
    """
    if wanted is None or wanted >= (3, ignition.minor):
        return ignition
    major, minor = wanted
    if major < 3:
        raise RequestRefused(
            RefusalReason.UNSUPPORTED,
            f"this Ignition reads spec {major}.{minor}, the config is of 3.{ignition.minor}; "
            "2.x and 3.x are different languages: use Ignition 2.0 or newer, which reads spec 3",
        )
    config = pruned(ignition.config)
    lost = next(_lost(config, ignition.minor, minor), None)
    if lost is not None:
        raise RequestRefused(
            RefusalReason.UNSUPPORTED,
            f"this Ignition reads up to spec 3.{minor}; "
            f"the config of 3.{ignition.minor} has what it lacks: {lost}",
        )
    return Ignition(minor, {**config, "ignition": {**config["ignition"], "version": f"3.{minor}.0"}})


def _lost(config: dict[str, Any], stored: int, minor: int) -> Iterator[str]:
    """What a config would lose in spec 3.`minor`."""
    yield from faults(SPEC, config, minor)
    yield from broken_rules(config, minor)
    if stored >= 6 > minor:
        storage = config.get("storage", {})
        for part in ("files", "directories"):
            for number, node in enumerate(storage.get(part, ())):
                if node.get("mode", 0) & _SPECIAL_BITS:
                    yield f"storage.{part}[{number}].mode: setuid, setgid and sticky came with spec 3.6"
    for where, child in _children(config):
        if _minor_of(json.loads(child)) > minor:
            yield f"{where}: the config in it is of a newer spec"


def _minor_of(config: Any) -> int:
    """Raises PlanError where it is not of spec 3.0 to 3.6."""
    part = config.get("ignition") if isinstance(config, dict) else None
    version = part.get("version") if isinstance(part, dict) else None
    if not isinstance(version, str):
        raise PlanError('ignition.version: is missing; it begins {"ignition": {"version": "3.4.0"}}')
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(\S*)", version)
    if match is None or match[4] or (match[1], match[3]) != ("3", "0") or int(match[2][:4]) > NEWEST:
        raise PlanError(f"ignition.version: {version[:40]!r} is none of 3.0.0 to 3.{NEWEST}.0")
    return int(match[2])


def _children(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The configs inside data: URLs, of which Butane makes some; others are their server's affair."""
    part = config["ignition"].get("config") or {}
    named = [(f"ignition.config.merge[{n}]", r) for n, r in enumerate(part.get("merge") or ())]
    named.append(("ignition.config.replace", part.get("replace") or {}))
    for where, resource in named:
        if not str(resource.get("source") or "").startswith("data:"):
            continue
        content = data_url(resource["source"]) or b""
        if resource.get("compression") == "gzip":
            content = _unzipped(content, where)
        try:
            yield where, content.decode()
        except UnicodeDecodeError:
            raise PlanError(f"{where}.source: the config in it is not UTF-8") from None


def _unzipped(content: bytes, where: str) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    try:
        plain = inflate.decompress(content, CHILD_BYTES)
    except zlib.error:
        raise PlanError(f"{where}.source: is not gzip") from None
    if inflate.unconsumed_tail or not inflate.eof:
        raise PlanError(f"{where}.source: is not whole, or more than {CHILD_BYTES} bytes unpacked")
    return plain


def _not_json(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        raise ValueError(f"the key {next(k for k in names if names.count(k) > 1)!r} comes twice in an object")
    return found
