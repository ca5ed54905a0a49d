"""A stand-in Image Factory: its paths, ids, lists, errors; kernels of Debian's, initial ramdisks of ours.

Paths and shapes as of Image Factory 1.5.0 (facts/os.md, section 3). Extensions and overlays are some of those
that there are; their digests are made up. What it answers never was seen by a Talos.
"""

import argparse
import hashlib
import json
import lzma
import re
from pathlib import Path

from lab.errors import ConfigError
from lab.systems.talos.boards import OVERLAYS, kernel_args
from lab.systems.talos.schematic import VANILLA, Schematic, parse_schematic
from lab.testing.vendors.installers import Installers
from lab.testing.vendors.kernels import initramfs, kernel, zboot_kernel
from lab.testing.vendors.server import Answer, Request, text

VERSIONS = ("v1.12.7", "v1.13.8", "v1.13.9", "v1.14.0-rc.1")
EXTENSIONS = ("gvisor", "iscsi-tools", "qemu-guest-agent", "tailscale", "util-linux-tools", "zfs")
BOOT = (
    "talos.platform=metal consoleblank=0 nvme_core.io_timeout=4294967295 printk.devkmsg=on selinux=1 "
    "module.sig_enforce=1 proc_mem.force_override=never slab_nomerge pti=on"
)
_OURS = {"arm64": "arm64", "amd64": "x86_64"}
_IMAGE = re.compile(r"/image/([^/]+)/([^/]+)/([^/]+)")
_PXE = re.compile(r"/pxe/([^/]+)/([^/]+)/metal-(arm64|amd64)(-secureboot)?")
_LIST = re.compile(r"/version/([^/]+)/(extensions|overlays)/official")
_ARTIFACT = re.compile(
    r"(?:kernel-(arm64|amd64)|initramfs-(arm64|amd64)\.xz|cmdline-metal-(arm64|amd64)(?:-secureboot)?"
    r"|metal-(arm64|amd64)(?:-secureboot)?(?:-uki\.efi|\.iso|\.raw\.xz|\.raw\.zst)|installer-(arm64|amd64)\.tar)"
)


class Factory:
    """Image Factory: schematics, /versions, extensions and overlays, artifacts, PXE scripts, installers."""

    def __init__(self) -> None:
        self.schematics: dict[str, Schematic] = {VANILLA.id: VANILLA}
        self.kernels = ""  # kernels of this architecture are given for any, as by a careless mirror
        self.installers = Installers()

    @staticmethod
    def options(parser: argparse.ArgumentParser) -> None:
        """It has none of its own."""

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        path = request.path
        if path == "/schematics" and request.method == "POST":
            return self._push(request.body)
        if request.method not in ("GET", "HEAD"):
            return text("method not allowed", 405)
        if path in ("/healthz", "/readyz"):
            return text("OK")
        if path == "/versions":
            return _json(list(VERSIONS))
        if path.startswith("/schematics/"):
            found = self.schematics.get(path.removeprefix("/schematics/"))
            return Answer(found.canonical.encode(), "application/yaml") if found else _unknown(path)
        if path.startswith("/v2/"):
            return self.installers.answer(request, self._wrong)
        if match := _LIST.fullmatch(path):
            return _listing(match[1], match[2])
        if match := _IMAGE.fullmatch(path):
            return self._image(match[1], match[2], match[3])
        if match := _PXE.fullmatch(path):
            return self._pxe(request.base, match[1], match[2], match[3], match[4] or "")
        return text("404 page not found", 404)

    def _push(self, body: bytes) -> Answer:
        try:
            schematic = parse_schematic(body.decode("utf-8"), "yaml")
        except (ConfigError, UnicodeDecodeError) as exc:
            return text(f"invalid schematic: {exc}", 400)
        self.schematics[schematic.id] = schematic
        return _json({"id": schematic.id, "schematic": schematic.canonical}, 201)

    def _wrong(self, identity: str, version: str) -> Answer | None:
        """What there is against an image of a schematic; "" is any version."""
        schematic = self.schematics.get(identity)
        if schematic is None:
            return _unknown(identity)
        if version and version not in VERSIONS:
            return text(f"version {version} is not available", 404)
        wrong = _not_there(schematic)
        return text(wrong, 400) if wrong else None

    def _image(self, identity: str, version: str, file: str) -> Answer:
        if no := self._wrong(identity, version):
            return no
        if file.endswith((".sha256", ".sha512")):
            return text("checksums need the enterprise tier", 402)
        match = _ARTIFACT.fullmatch(file)
        if match is None:
            return text(f"invalid image path: {file}", 400)
        arch = next(word for word in match.groups() if word)
        kernels = file.startswith("kernel-") and self.kernels
        return _artifact(file, kernels or arch, self.schematics[identity])

    def _pxe(self, base: str, identity: str, version: str, arch: str, secure: str) -> Answer:
        schematic = self.schematics.get(identity)
        if schematic is None:
            return _unknown(identity)
        here = f"{base}/image/{identity}/{version}"
        if secure:
            lines = [f"kernel {here}/metal-{arch}-secureboot-uki.efi"]
        else:
            lines = [
                f"kernel {here}/kernel-{arch} {_cmdline(schematic)}",
                f"initrd {here}/initramfs-{arch}.xz",
            ]
        script = "\n".join(["#!ipxe", "", "imgfree", *lines, "boot", ""])
        return Answer(script.encode(), "text/plain; charset=utf-8", ranges=False)


def _json(value: object, status: int = 200) -> Answer:
    return Answer(json.dumps(value).encode(), "application/json", status, ranges=False)


def _unknown(identity: str) -> Answer:
    return text(f"schematic {identity.rpartition('/')[2]} not found", 404)


def _listing(version: str, kind: str) -> Answer:
    if version not in VERSIONS:
        return text(f"version {version} is not available", 404)
    if kind == "overlays":
        return _json(
            [{"name": name, "image": image, **_ref(image, version)} for name, image in OVERLAYS.items()]
        )
    names = [f"siderolabs/{name}" for name in EXTENSIONS]
    more = {"author": "a stand-in", "description": "nothing is in it"}
    return _json([{"name": name, **_ref(name, version), **more} for name in names])


def _ref(name: str, version: str) -> dict[str, str]:
    digest = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
    return {"ref": f"ghcr.io/{name}:{version}", "digest": f"sha256:{digest}"}


def _not_there(schematic: Schematic) -> str:
    """What the schematic wants and nobody has: Image Factory says so when an image is asked for."""
    for name in schematic.customization.systemExtensions.officialExtensions:
        if name.removeprefix("siderolabs/") not in EXTENSIONS:
            return f"official extension {name!r} is not available"
    overlay = schematic.overlay
    return (
        "" if not overlay.name or overlay.name in OVERLAYS else f"overlay {overlay.name!r} is not available"
    )


def _cmdline(schematic: Schematic) -> str:
    words = [BOOT, *([kernel_args(schematic.overlay.name)] if schematic.overlay.name else [])]
    return " ".join([*words, *schematic.customization.extraKernelArgs])


def _artifact(file: str, arch: str, schematic: Schematic) -> Answer:
    ours = _OURS[arch]
    if file.startswith("kernel-") or file.endswith(".efi"):
        return Answer(zboot_kernel() if ours == "arm64" else kernel(ours))
    if file.startswith("initramfs-"):
        return Answer(initramfs(ours), "application/x-xz")
    if file.startswith("cmdline-"):
        return Answer(_cmdline(schematic).encode(), "text/plain; charset=utf-8")
    return Answer(_filling(file, schematic))


def _filling(file: str, schematic: Schematic) -> bytes:
    """Disk images and installers: the name and the schematic's id, over and over, nothing that boots."""
    data = f"{file} of {schematic.id}\n".encode() * 4096
    return lzma.compress(data, check=lzma.CHECK_CRC32) if file.endswith(".xz") else data


def path_of(file: str) -> Path:
    """Return the file on this host behind a large artifact of the stand-in."""
    content = _artifact(file, "arm64" if "arm64" in file else "amd64", VANILLA).content
    assert isinstance(content, Path)
    return content
