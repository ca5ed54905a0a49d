"""The paths and errors of a container registry (OCI Distribution Specification 1.1) for installers. Pure."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

_NAME = r"(?:metal-)?installer(?:-secureboot)?"
_ID = r"[0-9a-f]{64}"
_PATH = re.compile(rf"/v2/({_NAME}/({_ID}))/(manifests|blobs)/([^/]{{1,200}})")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_ACCEPT = re.compile(r"[A-Za-z0-9!#$&^_.+*/;=, \"-]{1,2000}")

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# Those that a tag may have at once, by Accept; Docker's are of before the specification
MANIFESTS = (
    INDEX,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    MANIFEST,
    "application/vnd.docker.distribution.manifest.v2+json",
)
ANY_MANIFEST = ", ".join(MANIFESTS)


class Code(StrEnum):
    """What is wrong, as the specification's table of errors has it; UNAVAILABLE is of older registries."""

    BLOB_UNKNOWN = "BLOB_UNKNOWN"
    DENIED = "DENIED"
    DIGEST_INVALID = "DIGEST_INVALID"
    MANIFEST_UNKNOWN = "MANIFEST_UNKNOWN"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    TOOMANYREQUESTS = "TOOMANYREQUESTS"
    UNAVAILABLE = "UNAVAILABLE"
    UNSUPPORTED = "UNSUPPORTED"


class RegistryError(Exception):
    """An error to be answered with."""

    def __init__(self, status: int, code: Code, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    @property
    def body(self) -> str:
        """It as the specification's JSON."""
        return json.dumps({"errors": [{"code": self.code, "message": str(self)}]})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A manifest or blob: by `sha256` (64 hexadecimal digits); where that is empty, a manifest by its tag."""

    path: str
    schematic: str
    manifest: bool
    sha256: str = ""

    def at(self, sha256: str) -> str:
        """Return the path of the manifest with that digest in the same repository."""
        return f"{self.path.rpartition('/')[0]}/sha256:{sha256}"

    def kept(self, kind: str) -> str:
        """Return under what the last known manifest of a tag is kept: no path that can be asked for."""
        return f"{self.path} {kind}"

    @property
    def unknown(self) -> Code:
        """The error where it is not there."""
        return Code.MANIFEST_UNKNOWN if self.manifest else Code.BLOB_UNKNOWN


def wanted(path: str) -> Wanted:
    """Return what a path below /v2/ asks for. Raises RegistryError: nothing that the cache keeps."""
    match = _PATH.fullmatch(path)
    if match is None:
        here = "[metal-]installer[-secureboot]/SCHEMATIC/{manifests,blobs}/REFERENCE"
        raise RegistryError(404, Code.NAME_UNKNOWN, f"the lab's cache answers for {here} alone")
    manifest, reference = match[3] == "manifests", match[4]
    if digest := _DIGEST.fullmatch(reference):
        return Wanted(path, match[2], manifest, digest[1])
    if manifest and _TAG.fullmatch(reference):
        return Wanted(path, match[2], manifest)
    raise RegistryError(400, Code.DIGEST_INVALID, "no sha256: and 64 hexadecimal digits")


def accepted(header: str) -> tuple[str, ...]:
    """Return the manifests' media types that an Accept header takes; qualities count as yes, but for 0."""
    said = [part.replace(" ", "").lower().split(";") for part in header.split(",")]
    types = {words[0] for words in said if not {"q=0", "q=0.0", "q=0.00", "q=0.000"} & set(words[1:])}
    if not types - {""} or types & {"*/*", "application/*"}:
        return MANIFESTS
    return tuple(kind for kind in MANIFESTS if kind in types)


def plain_accept(header: str) -> str:
    """Return an Accept header that can be sent on: as it came, or for any manifest where it names none.

    Some registries take `*/*` for a client of before there were indexes.
    """
    anything = accepted(header) and not any(kind in header for kind in MANIFESTS)
    return ANY_MANIFEST if anything or not _ACCEPT.fullmatch(header) else header
