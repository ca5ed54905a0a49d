"""OpenPGP signatures, checked by gpgv against a keyring that the user names; no other key counts.

Detached (.sig, .asc, .gpg, .sign) as Flatcar, Fedora CoreOS, Debian and Ubuntu publish them, and clear-signed
lists (Flatcar's .DIGESTS.asc).
"""

import base64
import binascii
import contextlib
import re
import subprocess
from pathlib import Path

from pxe.assets.store import storing
from pxe.errors import AssetError, ChecksumError, PlanError

_CLEAR_SIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL
)
# gpgv's words -> why a signature does not count. It returns 0 for one whose key has expired since.
_REFUSED = {
    "BADSIG": "the signature does not fit the file",
    "EXPSIG": "the signature has expired",
    "EXPKEYSIG": "the key that signed it has expired; get the publisher's newest keyring",
    "REVKEYSIG": "the key that signed it was revoked",
    "NO_PUBKEY": "it is signed by a key that is not in the keyring",
}
_TIMEOUT = 300.0


def is_clear_signed(path: Path) -> bool:
    """Whether a file carries its signature in itself."""
    with storing(path), path.open("rb") as file:
        return file.read(len(_CLEAR_SIGNED)) == _CLEAR_SIGNED


def check_detached(file: Path, signature: Path, keyring: Path, folder: Path) -> str:
    """Return the fingerprint of the primary key whose `signature` fits `file`; `folder` is for scratch files.

    Raises ChecksumError where it does not fit or the key is not trusted, PlanError where the keyring is none.
    """
    return _gpgv([str(signature), str(file)], signature.name, keyring, folder)


class DetachedCheck:
    """A detached signature, held against a file that is still coming: gpgv reads it as it comes.

    gpgv sums up 300 MB/s, so after the download it would cost a third of one over a line of 1 Gbit/s.
    """

    def __init__(self, signature: Path, keyring: Path, folder: Path) -> None:
        self._name = signature.name
        argv = _argv([str(signature), "-"], keyring, folder)
        try:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except FileNotFoundError:
            raise _missing() from None

    def update(self, data: bytes) -> None:
        """Take the file's next bytes."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has seen enough, or is closed
            self._process.stdin.write(data)

    def fingerprint(self) -> str:
        """Return what `check_detached` returns, and raise as it does; no byte is missing now."""
        try:
            out, err = self._process.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise _late(self._name) from None
        return _verdict(out, err, self._process.returncode, self._name)

    def close(self) -> None:
        """End it; may be called twice."""
        if self._process.poll() is None:
            self._process.kill()
        with contextlib.suppress(ValueError):  # its pipes are closed already
            self._process.communicate()


def open_clear_signed(signed: Path, keyring: Path, folder: Path) -> tuple[str, str]:
    """Return the text inside a clear-signed file and the fingerprint. Raises as `check_detached`."""
    content = folder / "content"
    fingerprint = _gpgv(["--output", str(content), str(signed)], signed.name, keyring, folder)
    with storing(content):
        return content.read_text(encoding="utf-8", errors="replace"), fingerprint


def _argv(arguments: list[str], keyring: Path, folder: Path) -> list[str]:
    binary = _binary_keyring(keyring, folder)
    return ["gpgv", "--homedir", str(folder), "--status-fd", "1", "--keyring", str(binary), *arguments]


def _gpgv(arguments: list[str], name: str, keyring: Path, folder: Path) -> str:
    argv = _argv(arguments, keyring, folder)
    try:
        done = subprocess.run(argv, capture_output=True, timeout=_TIMEOUT, check=False)
    except FileNotFoundError:
        raise _missing() from None
    except subprocess.TimeoutExpired:
        raise _late(name) from None
    return _verdict(done.stdout, done.stderr, done.returncode, name)


def _missing() -> AssetError:
    return AssetError("gpgv is not installed, and checks signatures: apt-get install gpgv")


def _late(name: str) -> AssetError:
    return AssetError(f"{name}: gpgv did not end within {_TIMEOUT:.0f} s")


def _verdict(out: bytes, err: bytes, returncode: int, name: str) -> str:
    """What gpgv said, as the fingerprint of the primary key or as why it does not count."""
    status: dict[str, list[str]] = {}
    for line in out.decode(errors="replace").splitlines():
        words = line.removeprefix("[GNUPG:] ").split()
        if line.startswith("[GNUPG:] ") and words:
            status.setdefault(words[0], words[1:])
    for word, reason in _REFUSED.items():
        if word in status:
            key = f" ({status[word][0]})" if status[word] else ""
            raise ChecksumError(f"{name}: {reason}{key}")
    if returncode or "GOODSIG" not in status or len(status.get("VALIDSIG", ())) < 10:
        said = err.decode(errors="replace").strip().splitlines()
        raise ChecksumError(f"{name}: not a valid signature ({said[-1] if said else 'gpgv says no more'})")
    return status["VALIDSIG"][-1]


def _binary_keyring(keyring: Path, folder: Path) -> Path:
    """The keyring as gpgv wants it: not in ASCII armour, in which publishers give their keys."""
    try:
        raw = keyring.read_bytes()
    except OSError as exc:
        raise PlanError(f"keyring {keyring}: {exc.strerror}") from None
    blocks = _ARMOUR.findall(raw)
    if not blocks:
        return keyring.absolute()
    path = folder / "keyring.gpg"
    try:
        path.write_bytes(b"".join(_dearmour(block) for block in blocks))
    except (binascii.Error, ValueError):
        raise PlanError(f"keyring {keyring}: damaged ASCII armour; fetch it again") from None
    return path


def _dearmour(block: bytes) -> bytes:
    """RFC 4880 section 6.2: headers, an empty line, base64, a checksum line that begins with `=`."""
    _, _, body = block.replace(b"\r\n", b"\n").partition(b"\n\n")
    lines = [line.strip() for line in body.splitlines()]
    return base64.b64decode(b"".join(line for line in lines if not line.startswith(b"=")), validate=True)
