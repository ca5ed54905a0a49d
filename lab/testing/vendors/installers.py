"""Image Factory's installers as a container registry: real OCI images, small, nothing in them that boots.

As Image Factory 1.5.0 does it: tags and digests are answered with a redirect to another registry (here: the
same server, below /v2/registry/), tags by digest, without a login. That registry is as strict as Docker's
about Accept: who names no index gets none.
"""

import gzip
import hashlib
import io
import json
import random
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from lab.factorycache.oci import CONFIG, INDEX, LAYER, MANIFEST
from lab.testing.vendors.server import Answer, Request

_PATH = re.compile(
    r"/v2(/registry)?/((?:metal-)?installer(?:-secureboot)?)/([0-9a-f]{64})/(manifests|blobs)/([^/]+)"
)
_FILLING = 300_000


@dataclass(frozen=True, slots=True)
class Image:
    """An index of two platforms: `parts` are all blobs and manifests by their digests, `top` the index'."""

    top: str
    parts: dict[str, tuple[bytes, str]]


class Installers:
    """All installers. `damaged`: digests of which other bytes are sent than they say."""

    def __init__(self) -> None:
        self.damaged: set[str] = set()
        self._parts: dict[str, tuple[bytes, str]] = {}

    def answer(self, request: Request, wrong: Callable[[str, str], Answer | None]) -> Answer:
        """Answer what is below /v2/; `wrong` says what there is against a schematic's id and a version."""
        if request.path == "/v2/":
            return Answer(b"{}", "application/json", ranges=False)
        match = _PATH.fullmatch(request.path)
        if match is None:
            return _error("NAME_UNKNOWN")
        inner, name, identity, kind, reference = match.groups()
        if inner:
            return self._part(request, kind, reference)
        version = reference if reference.startswith("v") else ""
        if no := wrong(identity, version):
            return no
        if version:
            image = installer(name, identity, version)
            self._parts |= image.parts
            reference = image.top
        location = f"{request.base}/v2/registry/{name}/{identity}/{kind}/{reference}"
        return Answer(b"", status=307, headers={"Location": location}, ranges=False)

    def _part(self, request: Request, kind: str, digest: str) -> Answer:
        data, media = self._parts.get(digest, (b"", ""))
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not media or (kind == "manifests" and media not in headers.get("accept", "")):
            return _error("MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN")
        if digest in self.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        said = media if kind == "manifests" else "application/octet-stream"
        return Answer(data, said, headers={"Docker-Content-Digest": digest})


@cache
def installer(name: str, identity: str, version: str) -> Image:
    """Return the image of a schematic; the same bytes each time."""
    parts: dict[str, tuple[bytes, str]] = {}
    manifests = []
    for arch in ("amd64", "arm64"):
        layer = _layer(f"{name} {identity} {version} {arch}")
        tar = gzip.compress(layer, 1, mtime=0)
        root = {"type": "layers", "diff_ids": [_digest(layer)]}
        config = {"architecture": arch, "os": "linux", "config": {}, "rootfs": root}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _put(parts, _json(config), CONFIG),
            "layers": [_put(parts, tar, LAYER)],
        }
        platform = {"architecture": arch, "os": "linux"}
        manifests.append(_put(parts, _json(manifest), MANIFEST) | {"platform": platform})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
    return Image(str(_put(parts, _json(index), INDEX)["digest"]), parts)


def _layer(what: str) -> bytes:
    """A tar of two files: what it is, and bytes that do not compress."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in (("what", what.encode()), ("filling", random.Random(what).randbytes(_FILLING))):
            member = tarfile.TarInfo(f"usr/install/{path}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _put(parts: dict[str, tuple[bytes, str]], data: bytes, media: str) -> dict[str, object]:
    """Take a part in; return its descriptor."""
    digest = _digest(data)
    parts[digest] = data, media
    return {"mediaType": media, "digest": digest, "size": len(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _error(code: str) -> Answer:
    body = _json({"errors": [{"code": code, "message": "not here"}]})
    return Answer(body, "application/json", 404, ranges=False)
