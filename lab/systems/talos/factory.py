"""Image Factory over HTTP: schematics, versions, extensions, overlays, and where its artifacts are.

Every answer is another's: sizes are bounded, shapes are checked, and what does not fit is one sentence. Paths
as of Image Factory 1.5.0 (facts/os.md, section 3).
"""

import json
import re
from dataclasses import dataclass

import httpx

from lab.errors import InfrastructureError, UsageError
from lab.systems.publisher import Publisher, check_upstream, nearest
from lab.systems.talos.schematic import Schematic

PUBLIC = "https://factory.talos.dev"
_ID = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:-([0-9A-Za-z.-]{1,40}))?")
ARCHES = {"arm64": "arm64", "x86_64": "amd64"}  # our word -> theirs


@dataclass(frozen=True, slots=True)
class Extension:
    """A system extension, or an overlay (`name` in its `image`), as a version of Talos has it."""

    name: str
    ref: str = ""
    digest: str = ""
    author: str = ""
    description: str = ""
    image: str = ""


class Factory:
    """One Image Factory. Raises UsageError where the address cannot be; methods raise UsageError for what it
    refuses or does not have, InfrastructureError where it does not answer, or not as one."""

    def __init__(
        self, upstream: str = "", *, allow_http: bool = False, client: httpx.Client | None = None
    ) -> None:
        what = "an Image Factory"
        self.base = check_upstream(upstream or PUBLIC, what, example=PUBLIC, allow_http=allow_http)
        self._server = Publisher(self.base, what, client)

    def versions(self) -> list[str]:
        """Return the versions that it makes images of, the newest first, without the `v`."""
        raw = self._server.json("/versions")
        if not isinstance(raw, list) or not all(isinstance(v, str) and _VERSION.fullmatch(v) for v in raw):
            raise InfrastructureError(f"{self.base}/versions: no list of versions; is it an Image Factory?")
        return sorted((v.removeprefix("v") for v in raw), key=_order, reverse=True)

    def choose(self, version: str) -> str:
        """Return `version` as it has it; for "" its newest that is no pre-release."""
        known = self.versions()
        released = [v for v in known if "-" not in v]
        if not version:
            if not released:
                raise InfrastructureError(f"{self.base} has no released version")
            return released[0]
        wanted = version.removeprefix("v")
        if wanted not in known:
            raise UsageError(f"{self.base} has no Talos {wanted}; {nearest(wanted, known, released[:5])}")
        return wanted

    def extensions(self, version: str) -> list[Extension]:
        """Return the extensions for a version."""
        return self._listed(f"/version/v{version}/extensions/official", ("name", "ref"))

    def overlays(self, version: str) -> list[Extension]:
        """Return the overlays for a version."""
        return self._listed(f"/version/v{version}/overlays/official", ("name", "image"))

    def check(self, schematic: Schematic, version: str) -> None:
        """Raise UsageError where the schematic wants an extension or overlay that the version has not."""
        wanted = schematic.customization.systemExtensions.officialExtensions
        if wanted:
            names = [found.name for found in self.extensions(version)]
            for name in wanted:
                if name not in names:
                    raise UsageError(f"Talos {version} has no extension {name!r}; {nearest(name, names)}")
        overlay = schematic.overlay
        if overlay.name:
            known = [f"{found.image} {found.name}" for found in self.overlays(version)]
            if f"{overlay.image} {overlay.name}" not in known:
                there = nearest(f"{overlay.image} {overlay.name}", known)
                raise UsageError(
                    f"Talos {version} has no overlay {overlay.name!r} of {overlay.image}; {there}"
                )

    def push(self, schematic: Schematic) -> str:
        """Make the schematic known; return the id that it was given."""
        response = self._server.ask("POST", "/schematics", schematic.canonical.encode())
        try:
            found = json.loads(response)["id"]
        except (ValueError, KeyError, TypeError):
            found = None
        if not isinstance(found, str) or not _ID.fullmatch(found):
            raise InfrastructureError(
                f"{self.base}/schematics: answered without an id; is it an Image Factory?"
            )
        return found

    def schematic(self, identity: str) -> str:
        """Return the YAML of the schematic with that id."""
        check_id(identity)
        return self._server.ask("GET", f"/schematics/{identity}").decode("utf-8", "replace")

    def artifact(self, identity: str, version: str, file: str) -> str:
        """Return the URL of an artifact."""
        return f"{self.base}/image/{identity}/v{version}/{file}"

    def pxe_script(self, identity: str, version: str, arch: str, *, secureboot: bool = False) -> str:
        """Return the iPXE script with which it netboots the image itself; `arch` is our word."""
        suffix = "-secureboot" if secureboot else ""
        path = f"/pxe/{identity}/v{version}/metal-{ARCHES[arch]}{suffix}"
        return self._server.ask("GET", path).decode("utf-8", "replace")

    def _listed(self, path: str, needed: tuple[str, str]) -> list[Extension]:
        raw = self._server.json(path)
        fields = Extension.__slots__
        try:
            found = [Extension(**{key: item[key] for key in fields if item.get(key)}) for item in raw]
            if not all(isinstance(getattr(one, key), str) for one in found for key in fields):
                raise TypeError
            if not all(getattr(one, key) for one in found for key in needed):
                raise ValueError
        except (TypeError, ValueError, AttributeError, KeyError):
            raise InfrastructureError(
                f"{self.base}{path}: not such a list; is it an Image Factory?"
            ) from None
        return found


def check_id(identity: str) -> str:
    """Return `identity`. Raises UsageError where it is no schematic's."""
    if not _ID.fullmatch(identity):
        raise UsageError(f"{identity[:80]!r} is no id of a schematic: 64 hexadecimal digits")
    return identity


def _order(version: str) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
    """Semantic versions: a pre-release comes before its release, numbers count as numbers."""
    match = _VERSION.fullmatch(version)
    assert match is not None
    words = (match[4] or "").split(".") if match[4] else []
    order = tuple((not word.isdecimal(), int(word) if word.isdecimal() else 0, word) for word in words)
    return tuple(int(match[n]) for n in (1, 2, 3)), match[4] is None, order
