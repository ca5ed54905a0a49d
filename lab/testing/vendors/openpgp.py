"""Real OpenPGP signatures, by a key that is made when a stand-in starts and is gone with it."""

import shutil
import subprocess
import tempfile
import weakref
from pathlib import Path

from lab.errors import InfrastructureError

_SECONDS = 60.0


class Signer:
    """A key of its own in a folder of its own. `public` is its public half in ASCII armour.

    Raises InfrastructureError where gpg (Debian's gpg and gpg-agent) is missing or fails.
    """

    def __init__(self, name: str) -> None:
        # A socket of gpg-agent lies in it, and its path may not be long
        self._home = Path(tempfile.mkdtemp(prefix="bl-gpg-"))
        weakref.finalize(self, _forget, self._home)
        self._gpg("--quick-generate-key", name, "ed25519", "sign", "1d")
        self.public = self._gpg("--armor", "--export")
        self._kept: dict[bytes, bytes] = {}

    def sign(self, content: bytes | Path) -> bytes:
        """Return the detached signature of bytes or of a file."""
        key = str(content).encode() if isinstance(content, Path) else content
        if key not in self._kept:
            data = content if isinstance(content, bytes) else b""
            file = [str(content)] if isinstance(content, Path) else []
            self._kept[key] = self._gpg("--detach-sign", "--output", "-", *file, data=data)
        return self._kept[key]

    def _gpg(self, *arguments: str, data: bytes = b"") -> bytes:
        argv = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", "--passphrase", "", *arguments]
        try:
            done = subprocess.run(argv, input=data, capture_output=True, timeout=_SECONDS, check=True)
        except FileNotFoundError:
            raise InfrastructureError("gpg is not installed: apt-get install gpg gpg-agent") from None
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
            said = (exc.stderr or b"").decode(errors="replace").strip()
            raise InfrastructureError(f"gpg {arguments[0]}: {said or exc}") from None
        return done.stdout


def _forget(home: Path) -> None:
    """The key, and the agent that holds it."""
    argv = ["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"]
    subprocess.run(argv, capture_output=True, timeout=_SECONDS, check=False)
    shutil.rmtree(home, ignore_errors=True)
