"""Fedora CoreOS' metadata: what a stream has, and where its files are with what vouches for them.

A stream's JSON (docs: "Fedora CoreOS stream metadata") tells of its newest release; a release's own JSON of
an older one. Both name files by whole URLs, with signature and SHA-256. RHCOS publishes the same shape.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from lab.errors import InfrastructureError, UsageError
from lab.systems.publisher import Publisher, check_upstream, nearest

PUBLIC: Final = "https://builds.coreos.fedoraproject.org"
STREAMS: Final = ("stable", "testing", "next")
ARCHES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}  # our word -> theirs
PARTS: Final = {"kernel": "kernel", "initrd": "initramfs", "rootfs": "rootfs"}  # our part -> theirs
_WHAT: Final = "a server of CoreOS metadata"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file as the metadata has it; `signature` is "" where there is none."""

    location: str
    sha256: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """One release for one architecture: its live PXE files by our names of parts."""

    stream: str
    version: str
    files: dict[str, Artifact]


class Streams:
    """The metadata below `upstream` ("": the public one). Raises UsageError and InfrastructureError."""

    def __init__(self, upstream: str = "", *, allow_http: bool = False) -> None:
        self._allow_http = allow_http
        self.base = check_upstream(upstream or PUBLIC, _WHAT, example=PUBLIC, allow_http=allow_http)
        self._server = Publisher(self.base, _WHAT)

    def versions(self, stream: str) -> list[str]:
        """Return the releases of a stream, the newest first."""
        raw = self._server.json(f"/prod/streams/{_word(stream)}/releases.json")
        try:
            found = [str(release["version"]) for release in raw["releases"]]
        except (KeyError, TypeError):
            raise InfrastructureError(f"{self.base}: its list of releases is none") from None
        return found[::-1]

    def release(self, stream: str, version: str, arch: str) -> Release:
        """Return a release; "" for the stream's newest."""
        if not version:
            return self._release(self._server.json(f"/streams/{_word(stream)}.json"), arch, self.base)
        known = self.versions(stream)
        if version not in known:
            said = nearest(version, known, known[:_SHOWN])
            raise UsageError(f"stream {stream} has no release {version}; {said}")
        path = f"/prod/streams/{_word(stream)}/builds/{version}/release.json"
        found = self._release(self._server.json(path), arch, self.base)
        if found.version != version:
            raise InfrastructureError(f"{self.base}{path} is of another release, {found.version[:60]}")
        return found

    def _release(self, raw: Any, arch: str, where: str) -> Release:
        return release_of(raw, arch, where, allow_http=self._allow_http)

    def at(self, url: str, arch: str) -> Release:
        """Return the release that the metadata at `url` tells of: RHCOS, or another system of that kind."""
        whole = check_upstream(
            url, _WHAT, example=f"{PUBLIC}/streams/stable.json", allow_http=self._allow_http
        )
        parts = urlsplit(whole)
        server = Publisher(f"{parts.scheme}://{parts.netloc}", _WHAT)
        return self._release(server.json(parts.path), arch, whole)


def release_of(raw: Any, arch: str, where: str, *, allow_http: bool = False) -> Release:
    """Return the release that metadata tells of, of a stream (artifacts, formats) or a release (media,
    artifacts); `where` names it in messages. Raises UsageError: not for `arch`; InfrastructureError: no such
    metadata."""
    try:
        machines = raw["architectures"]
        stream = str(raw["stream"])
        if ARCHES[arch] not in machines:
            there = ", ".join(str(machine) for machine in machines)
            raise UsageError(f"{where}: {stream} is not made for {ARCHES[arch]}; there are {there}")
        machine = machines[ARCHES[arch]]
        metal = machine["artifacts"]["metal"] if "artifacts" in machine else machine["media"]["metal"]
        formats = metal["formats"] if "formats" in metal else metal["artifacts"]
        files = {part: _artifact(formats["pxe"][name]) for part, name in PARTS.items()}
        version = str(metal.get("release") or raw["release"])
    except (KeyError, TypeError, AttributeError):
        raise InfrastructureError(f"{where}: no metadata of CoreOS with files to netboot") from None
    for artifact in files.values():
        check_upstream(artifact.location, "a file", example=PUBLIC, allow_http=allow_http)
    return Release(stream, version, files)


def _artifact(raw: Any) -> Artifact:
    return Artifact(str(raw["location"]), str(raw["sha256"]), str(raw.get("signature") or ""))


def _word(stream: str) -> str:
    """Raises UsageError where it cannot be a stream; others than the public three may be elsewhere."""
    if not stream.replace("-", "").replace(".", "").isalnum():
        raise UsageError(f"{stream!r} is no stream; there are {', '.join(STREAMS)}")
    return stream
