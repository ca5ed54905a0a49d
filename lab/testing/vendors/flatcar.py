"""A stand-in for Flatcar's release servers: channels, versions, files with signatures and lists of digests.

Paths as of 2026-08 (facts/os.md, section 4): /CHANNEL takes the place of the host that each channel has. The
kernels are Debian's; the initrd for arm64 is the guest with the real Ignition. No Flatcar ever ran from it.
"""

import json
import re
from pathlib import Path

from lab.systems.flatcar.releases import BOARDS, DIGESTS, INITRD, KERNEL
from lab.testing.vendors.kernels import file_sum
from lab.testing.vendors.server import Answer, Request, text
from lab.testing.vendors.signed import SignedFiles

VERSIONS = {
    "stable": ("4593.2.4", "4593.2.3", "4459.2.1"),
    "beta": ("4628.1.0", "4627.1.1"),
    "alpha": ("4700.0.0",),
    "lts": ("4081.3.6",),
}
KEY = "/security/image-signing-key/Flatcar_Image_Signing_Key.asc"
_FILE = re.compile(r"/([a-z]+)/((?:amd64|arm64)-usr)/([0-9.]+|current)/([A-Za-z0-9_.]+)")
_LIST = re.compile(r"/([a-z]+)/releases-json/releases-([a-z]+)\.json")
_ARCHES = {board: arch for arch, board in BOARDS.items()}


class FlatcarReleases(SignedFiles):
    """Flatcar's release servers: version.txt, kernels, initrds, .sig and .DIGESTS, the list of versions."""

    key_of = "Flatcar's image signing"

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        if request.method not in ("GET", "HEAD"):
            return text("method not allowed", 405)
        if request.path == KEY:
            return self.public_key()
        if (match := _LIST.fullmatch(request.path)) and match[1] == match[2] and match[1] in VERSIONS:
            return _listed(match[1])
        match = _FILE.fullmatch(request.path)
        versions = VERSIONS.get(match[1], ()) if match is not None else ()
        if match is None or match[3] not in ("current", *versions):
            return text("404 Not Found", 404)
        version = versions[0] if match[3] == "current" else match[3]
        return self._file(_ARCHES[match[2]], version, match[4]) or text("404 Not Found", 404)

    def _file(self, arch: str, version: str, name: str) -> Answer | None:
        plain = name.removesuffix(".sig")
        content = self._content(arch, version, plain)
        if content is None:
            return None
        if plain != name:
            return self.signature(content)
        return Answer(self.perhaps_cut(content) if name == INITRD else content)

    def _content(self, arch: str, version: str, name: str) -> bytes | Path | None:
        if name == "version.txt":
            build, branch, patch = version.split(".")
            numbers = f"FLATCAR_BUILD={build}\nFLATCAR_BRANCH={branch}\nFLATCAR_PATCH={patch}\n"
            return f"{numbers}FLATCAR_VERSION={version}\nFLATCAR_VERSION_ID={version}\n".encode()
        if name in (KERNEL, INITRD):
            return self.kernel(arch) if name == KERNEL else self.initrd(arch)
        return self._digests(arch, version) if name == DIGESTS else None

    def _digests(self, arch: str, version: str) -> bytes:
        lines = []
        for algorithm in ("sha1", "sha512"):
            lines.append(f"# {algorithm.upper()} HASH")
            for name in (KERNEL, INITRD):
                content = self._content(arch, version, name)
                assert isinstance(content, Path)
                lines.append(f"{file_sum(content, algorithm)}  {name}")
        return ("\n".join(lines) + "\n").encode()


def _listed(channel: str) -> Answer:
    release = {"channel": channel, "architectures": ["amd64", "arm64"]}
    found = {version: release for version in ("current", *VERSIONS[channel])}
    return Answer(json.dumps(found).encode(), "application/json")
