"""A stand-in for Fedora CoreOS' build server: stream metadata, releases, live PXE files with signatures.

Paths and shapes as of 2026-08 (facts/os.md, section 5). The kernels are Debian's; the initramfs for arm64 is
the guest with the real Ignition, which fetches the root filesystem as the live system does, and leaves it.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from lab.systems.fcos.stream import ARCHES
from lab.testing.vendors.kernels import file_sum
from lab.testing.vendors.server import Answer, Request, text
from lab.testing.vendors.signed import SignedFiles

RELEASES = {
    "stable": ("44.20260802.3.0", "44.20260719.3.1", "42.20250512.3.0"),
    "testing": ("44.20260816.2.0",),
    "next": ("45.20260816.1.0",),
}
RHCOS = "9.6.20260801-0"
OLD_NAMES = "42.20250512.3.0"  # a release whose kernel is called otherwise: names come from the metadata
KEY = "/fedora.gpg"
ROOTFS = bytes(range(256)) * 4096
_STREAM = re.compile(r"/streams/([a-z]+)\.json")
_RELEASES = re.compile(r"/prod/streams/([a-z]+)/releases\.json")
_RELEASE = re.compile(r"/prod/streams/([a-z]+)/builds/([0-9.-]+)/release\.json")
_FILE = re.compile(r"/prod/streams/([a-z]+)/builds/([0-9.-]+)/([a-z0-9_]+)/([A-Za-z0-9_.-]+)")
_OURS = {theirs: ours for ours, theirs in ARCHES.items()}


class CoreosBuilds(SignedFiles):
    """Fedora CoreOS' build server: streams, releases, live files with .sig; /rhcos.json as RHCOS has it."""

    key_of = "Fedora"

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        if request.method not in ("GET", "HEAD"):
            return text("method not allowed", 405)
        path, found = request.path, None
        if path == KEY:
            return self.public_key()
        if path == "/rhcos.json":
            return _json(self._stream("rhcos-4.20", RHCOS, request.base))
        if (match := _STREAM.fullmatch(path)) and match[1] in RELEASES:
            return _json(self._stream(match[1], RELEASES[match[1]][0], request.base))
        if (match := _RELEASES.fullmatch(path)) and match[1] in RELEASES:
            return _json({"releases": [{"version": v} for v in reversed(RELEASES[match[1]])]})
        if (match := _RELEASE.fullmatch(path)) and match[2] in RELEASES.get(match[1], ()):
            return _json(self._release(match[1], match[2], request.base))
        if (match := _FILE.fullmatch(path)) and match[2] in (RHCOS, *RELEASES.get(match[1], ())):
            found = self._file(match[2], match[3], match[4])
        return found or text("NoSuchKey", 404)

    def _stream(self, stream: str, version: str, base: str) -> dict[str, Any]:
        """As streams are: artifacts with formats."""
        machines = {
            machine: {"artifacts": {"metal": {"release": version, "formats": formats}}}
            for machine, formats in self._formats(stream, version, base)
        }
        return {"stream": stream, "metadata": {"generator": "stand-in"}, "architectures": machines}

    def _release(self, stream: str, version: str, base: str) -> dict[str, Any]:
        """As releases are: media with artifacts."""
        machines = {
            machine: {"media": {"metal": {"artifacts": formats}}}
            for machine, formats in self._formats(stream, version, base)
        }
        return {"release": version, "stream": stream, "architectures": machines}

    def _formats(self, stream: str, version: str, base: str) -> list[tuple[str, dict[str, Any]]]:
        found = []
        for machine in ARCHES.values():
            names = _names(version, machine)
            folder = f"{base}/prod/streams/{stream.partition('-')[0]}/builds/{version}/{machine}"
            pxe = {}
            for part, name in names.items():
                one = {"location": f"{folder}/{name}", "sha256": self._sum(part, machine)}
                pxe[part] = one | ({} if version == RHCOS else {"signature": f"{folder}/{name}.sig"})
            found.append((machine, {"pxe": pxe}))
        return found

    def _file(self, version: str, machine: str, name: str) -> Answer | None:
        plain = name.removesuffix(".sig")
        part = next((part for part, known in _names(version, machine).items() if known == plain), None)
        if part is None or machine not in _OURS:
            return None
        content = self._content(part, machine)
        if plain != name:
            return None if version == RHCOS else self.signature(content)
        return Answer(self.perhaps_cut(content) if part == "rootfs" else content)

    def _content(self, part: str, machine: str) -> bytes | Path:
        arch = _OURS[machine]
        if part == "rootfs":
            return ROOTFS
        return self.kernel(arch) if part == "kernel" else self.initrd(arch)

    def _sum(self, part: str, machine: str) -> str:
        content = self._content(part, machine)
        if isinstance(content, bytes):
            return hashlib.sha256(content).hexdigest()
        return file_sum(content, "sha256")


def _names(version: str, machine: str) -> dict[str, str]:
    stem = f"{'rhcos' if version == RHCOS else 'fedora-coreos'}-{version}-live"
    joint = "-" if version == OLD_NAMES else "."
    return {
        "kernel": f"{stem}-kernel{joint}{machine}",
        "initramfs": f"{stem}-initramfs.{machine}.img",
        "rootfs": f"{stem}-rootfs.{machine}.img",
    }


def _json(value: Any) -> Answer:
    return Answer(json.dumps(value).encode(), "application/json", ranges=False)
