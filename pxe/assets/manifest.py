"""What an image is: a name, a version, an architecture, and parts that are files. Its manifest as JSON."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from pxe.errors import AssetError, PlanError
from pxe.plan import Arch

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:-]{0,99}")  # Debian's versions have `+`, `~` and `:`
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SCHEMA = 1


@dataclass(frozen=True, slots=True, order=True)
class ImageName:
    """`name/version/arch`, as it is written in a site file."""

    name: str
    version: str
    arch: str

    def __post_init__(self) -> None:
        for what, word in (("name", self.name), ("version", self.version)):
            if not _WORD.fullmatch(word):
                raise PlanError(
                    f"{word!r} is no {what} of an image: a letter or digit, then letters, digits, . _ + ~ : -"
                )
        known = [arch for arch in Arch if arch is not Arch.UNKNOWN]
        if self.arch not in known:
            raise PlanError(f"{self.arch!r} is no architecture; there are {', '.join(known)}")

    def __str__(self) -> str:
        return f"{self.name}/{self.version}/{self.arch}"

    @classmethod
    def parse(cls, text: str) -> "ImageName":
        """Return the image that `text` names. Raises PlanError where it names none."""
        words = text.split("/")
        if len(words) != 3:
            raise PlanError(f"{text!r} is no image; write name/version/arch like debian-installer/12/arm64")
        return cls(*words)


def check_part_name(name: str) -> str:
    """Return `name`. Raises PlanError where a part cannot be called so."""
    if not _WORD.fullmatch(name):
        raise PlanError(f"{name!r} is no name of a part; write one like kernel or initrd")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of an image. `file` is its name upstream, `size` in bytes; `checked` tells what vouched for it
    when it came in: `sha256 (given)`, `checksums URL`, `openpgp FINGERPRINT`, `apt`; empty: nothing did."""

    file: str
    sha256: str
    size: int
    source: str
    checked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image of the catalogue; `added` is the UTC time, ISO 8601."""

    image: ImageName
    parts: dict[str, Part] = field(default_factory=dict)
    added: str = ""

    @property
    def sums(self) -> dict[str, str]:
        """SHA-256 of each part."""
        return {name: part.sha256 for name, part in self.parts.items()}

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON-ready object; the listing of the command line and the file are the same."""
        parts = {
            name: {
                "file": part.file,
                "sha256": part.sha256,
                "size": part.size,
                "source": part.source,
                "checked": list(part.checked),
            }
            for name, part in self.parts.items()
        }
        image = {"name": self.image.name, "version": self.image.version, "arch": self.image.arch}
        return {"schema": _SCHEMA, **image, "added": self.added, "parts": parts}


def read_manifest(text: str, where: str) -> Manifest:
    """Return the manifest in `text`; `where` names it in messages. Raises AssetError where it is none."""
    try:
        raw = json.loads(text)
        if raw["schema"] != _SCHEMA:
            raise ValueError(f"schema {raw['schema']!r}")
        image = ImageName(raw["name"], raw["version"], raw["arch"])
        parts = {check_part_name(name): _part(part) for name, part in raw["parts"].items()}
        return Manifest(image=image, parts=parts, added=str(raw["added"]))
    except (ValueError, KeyError, TypeError, AttributeError, PlanError) as exc:
        reason = f"{where}: not a manifest of an image ({exc}); remove the file and add the image again"
        raise AssetError(reason) from None


def _part(raw: dict[str, Any]) -> Part:
    if not _SHA256.fullmatch(raw["sha256"]):
        raise ValueError(f"sha256 {raw['sha256']!r}")
    return Part(
        file=str(raw["file"]),
        sha256=raw["sha256"],
        size=int(raw["size"]),
        source=str(raw["source"]),
        checked=tuple(str(word) for word in raw["checked"]),
    )
