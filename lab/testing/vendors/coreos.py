"""A stand-in for Fedora CoreOS' build server: stream metadata, releases, live PXE files with signatures.

Paths and shapes as of 2026-08 (facts/os.md, section 5). The kernels are Debian's; the initramfs for arm64 is
the guest with the real Ignition, which fetches the root filesystem as the live system does, and leaves it.
"""

import argparse
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from lab.images import installer_directory
from lab.smalllinux import small_initrd
from lab.systems.fcos.stream import ARCHES
from lab.testing.ignition import ignition_initrd
from lab.testing.vendors.kernels import file_sum, kernel
from lab.testing.vendors.openpgp import Signer
from lab.testing.vendors.server import Answer, Request, text

RELEASES = {
    "stable": ("44.20260802.3.0", "44.20260719.3.1", "42.20250512.3.0"),
    "testing": ("44.20260816.2.0",),
    "next": ("45.20260816.1.0",),
}
RHCOS = "9.6.20260801-0"
OLD_NAMES = "42.20250512.3.0"  # a release whose kernel is called otherwise: names come from the metadata
KEY = "/fedora.gpg"
FAULTS = ("bad-signature", "truncated", "wrong-kernel", "no-signatures")
ROOTFS = bytes(range(256)) * 4096
_STREAM = re.compile(r"/streams/([a-z]+)\.json")
_RELEASES = re.compile(r"/prod/streams/([a-z]+)/releases\.json")
_RELEASE = re.compile(r"/prod/streams/([a-z]+)/builds/([0-9.-]+)/release\.json")
_FILE = re.compile(r"/prod/streams/([a-z]+)/builds/([0-9.-]+)/([a-z0-9_]+)/([A-Za-z0-9_.-]+)")
_OURS = {theirs: ours for ours, theirs in ARCHES.items()}


class CoreosBuilds:
    """Fedora CoreOS' build server: streams, releases, live files with .sig; /rhcos.json as RHCOS has it."""

    def __init__(self, *, fault: str = "") -> None:
        self._fault = fault
        self._signer = Signer("Stand-in for Fedora's key <nobody@example.org>")

    @staticmethod
    def options(parser: argparse.ArgumentParser) -> None:
        """Add what goes wrong on request."""
        parser.add_argument("--fault", choices=FAULTS, default="", help="what is wrong with its files")

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        if request.method not in ("GET", "HEAD"):
            return text("method not allowed", 405)
        path, found = request.path, None
        if path == KEY:
            return Answer(self._signer.public, "application/pgp-keys")
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
        if plain == name:
            return Answer(self._damaged(part, content))
        if self._fault == "no-signatures" or version == RHCOS:
            return None
        return Answer(self._signer.sign(b"of another file" if self._fault == "bad-signature" else content))

    def _content(self, part: str, machine: str) -> bytes | Path:
        arch = _OURS[machine]
        if part == "kernel":
            other = {"arm64": "x86_64", "x86_64": "arm64"}
            return kernel(other[arch] if self._fault == "wrong-kernel" else arch)
        if part == "rootfs":
            return ROOTFS
        return (
            ignition_initrd() if arch == "arm64" else small_initrd(installer_directory(arch)[0] / "initrd.gz")
        )

    def _damaged(self, part: str, content: bytes | Path) -> bytes | Path:
        broken = self._fault == "truncated" and part == "rootfs" and isinstance(content, bytes)
        return content[: len(content) // 2] if broken and isinstance(content, bytes) else content

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
