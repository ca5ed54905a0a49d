"""Which paths of an Image Factory the cache knows, and how each is kept. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

_ID = r"[0-9a-f]{64}"
_VERSION = r"v\d{1,4}\.\d{1,4}\.\d{1,4}(?:-[0-9A-Za-z.-]{1,40})?"
_FILE = r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){0,4}"
_PXE = re.compile(rf"/pxe/({_ID})/({_VERSION})/metal-(amd64|arm64)(-secureboot)?")
_ARTIFACT = re.compile(rf"/image/({_ID})/({_VERSION})/({_FILE})")
_LIST = re.compile(
    rf"/versions|/version/{_VERSION}/(?:extensions|overlays)/official|/secureboot/signing-cert\.pem"
)
_SCHEMATIC = re.compile(rf"/schematics/({_ID})")
_LONGEST = 400


class Kind(StrEnum):
    """How an answer is kept."""

    ARTIFACT = "artifact"  # for good: a schematic and a version make one file
    LIST = "list"  # asked for anew each time; what was there last where nobody answers
    SCHEMATIC = "schematic"  # for good, and checked: its id is its SHA-256
    PXE = "pxe"  # made here, from the artifact with the kernel's arguments


@dataclass(frozen=True, slots=True)
class Known:
    """A path that the cache answers."""

    kind: Kind
    path: str
    schematic: str = ""
    version: str = ""
    arch: str = ""
    secureboot: bool = False

    @property
    def arguments(self) -> str:
        """Of a PXE script: the path of the artifact with the kernel's arguments."""
        return f"/image/{self.schematic}/{self.version}/cmdline-metal-{self.arch}"


def known(path: str) -> Known | None:
    """Return what a path asks for; None where Image Factory has no such path, or we do not keep it."""
    if len(path) > _LONGEST:
        return None
    if match := _ARTIFACT.fullmatch(path):
        return Known(Kind.ARTIFACT, path, match[1], match[2])
    if match := _PXE.fullmatch(path):
        return Known(Kind.PXE, path, match[1], match[2], match[3], bool(match[4]))
    if match := _SCHEMATIC.fullmatch(path):
        return Known(Kind.SCHEMATIC, path, match[1])
    return Known(Kind.LIST, path) if _LIST.fullmatch(path) else None


def pxe_script(asked: Known, base: str, arguments: str) -> str:
    """Return the iPXE script that boots a machine from the artifacts at `base`."""
    here = f"{base}/image/{asked.schematic}/{asked.version}"
    if asked.secureboot:
        lines = [f"kernel {here}/metal-{asked.arch}-secureboot-uki.efi"]
    else:
        lines = [f"kernel {here}/kernel-{asked.arch} {arguments}", f"initrd {here}/initramfs-{asked.arch}.xz"]
    return "\n".join(["#!ipxe", "", "imgfree", *lines, "boot", ""])
