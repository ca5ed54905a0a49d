"""What stand-ins share whose files are signed one by one: the key, and what is wrong on request."""

import argparse
from pathlib import Path

from lab.images import installer_directory
from lab.smalllinux import small_initrd
from lab.testing.ignition import ignition_initrd
from lab.testing.vendors.kernels import kernel
from lab.testing.vendors.openpgp import Signer
from lab.testing.vendors.server import Answer

FAULTS = ("bad-signature", "truncated", "wrong-kernel", "no-signatures")
_OTHER = {"arm64": "x86_64", "x86_64": "arm64"}


class SignedFiles:
    """A vendor's files with a key that is made at start. `fault` is one of FAULTS, "" for none."""

    key_of = "a vendor"

    def __init__(self, *, fault: str = "") -> None:
        self._fault = fault
        self._signer = Signer(f"Stand-in for the key of {self.key_of} <nobody@example.org>")

    @staticmethod
    def options(parser: argparse.ArgumentParser) -> None:
        """Add what goes wrong on request."""
        parser.add_argument("--fault", choices=FAULTS, default="", help="what is wrong with its files")

    def public_key(self) -> Answer:
        """Return the key as its users fetch it."""
        return Answer(self._signer.public, "application/pgp-keys")

    def signature(self, content: bytes | Path) -> Answer | None:
        """Return the signature of a file; None where there are none."""
        if self._fault == "no-signatures":
            return None
        return Answer(self._signer.sign(b"of another file" if self._fault == "bad-signature" else content))

    def kernel(self, arch: str) -> Path:
        """Return the kernel that is given out for `arch`."""
        return kernel(_OTHER[arch] if self._fault == "wrong-kernel" else arch)

    def initrd(self, arch: str) -> Path:
        """Return the initrd: of arm64 the one that provisions a disk, of x86_64 one that starts a shell."""
        return (
            ignition_initrd() if arch == "arm64" else small_initrd(installer_directory(arch)[0] / "initrd.gz")
        )

    def perhaps_cut(self, content: bytes | Path) -> bytes | Path:
        """Return a file whole, or its first half."""
        if self._fault != "truncated":
            return content
        whole = content if isinstance(content, bytes) else content.read_bytes()
        return whole[: len(whole) // 2]
