"""Which host keys are believed: never one that merely answers first.

A host is known from a file in OpenSSH's format, or from the fingerprint that it printed on its console, which
only who holds the machine's serial line reads.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import asyncssh

from lab.clients.ssh.model import Login
from lab.errors import UsageError

# `256 SHA256:... root@node (ED25519)` of ssh-keygen and cloud-init, `SSH host key: SHA256:... (ED25519)` of
# Fedora CoreOS and Flatcar
_PRINTED = re.compile(r"(SHA256:[A-Za-z0-9+/]{43})(?: [^\n()]*)? \((?:ED25519|ECDSA|RSA)\)")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """A file in OpenSSH's format. `host`: under which name it is in there, where not its address."""

    path: Path = field(default_factory=lambda: Path("~/.ssh/known_hosts").expanduser())

    def fault(self, login: Login, key: asyncssh.SSHKey, address: str) -> str:
        """Return why `key` is not believed; "" where it is. Raises UsageError: the file cannot be read."""
        try:
            text = self.path.read_text() if self.path.exists() else ""
            known = asyncssh.import_known_hosts(text).match(login.host, address, login.port)
        except (OSError, ValueError) as exc:
            raise UsageError(f"{self.path}: cannot be read as known_hosts: {exc}") from exc
        trusted, _authorities, revoked = known[:3]
        if key in revoked:
            return f"its host key is revoked in {self.path}"
        if key in trusted:
            return ""
        ours = _fingerprint(key)
        if trusted:
            return (
                f"its host key {ours} is not the one of {self.path}: it was installed anew (then remove the "
                f"old: ssh-keygen -R {_entry(login)}), or another machine answers"
            )
        return (
            f"its host key {ours} is in no line of {self.path}: compare it with the console's and name it "
            "with --fingerprint"
        )


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What the host printed on its console: any of these (`SHA256:...`)."""

    accepted: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Return one that somebody typed. Raises UsageError."""
        if not _FINGERPRINT.fullmatch(text):
            raise UsageError(f"{text!r} is no fingerprint of a host key: SHA256: and 43 characters of base64")
        return cls(frozenset({text}))

    @classmethod
    def of_console(cls, text: str) -> Self:
        """Return those of a console's text; none is believed where it printed none."""
        return cls(frozenset(_PRINTED.findall(text)))

    def fault(self, login: Login, key: asyncssh.SSHKey, address: str) -> str:
        """Return why `key` is not believed; "" where it is."""
        ours = _fingerprint(key)
        if ours in self.accepted:
            return ""
        printed = ", ".join(sorted(self.accepted)) or "none"
        return f"is not the machine of that console: its host key is {ours}, the console printed {printed}"


@dataclass(frozen=True, slots=True)
class Anybody:
    """Whoever answers is believed (`--insecure`)."""

    def fault(self, login: Login, key: asyncssh.SSHKey, address: str) -> str:
        """Return "": nothing is checked."""
        return ""


Trust = KnownHosts | Fingerprints | Anybody


def remember(path: Path, login: Login, key: asyncssh.SSHKey) -> None:
    """Write a host key that was verified into a known_hosts, unless it has it. Raises UsageError."""
    line = f"{_entry(login)} {key.export_public_key().decode().strip()}\n"
    try:
        if path.exists() and line in path.read_text():
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
            file.write(line)
    except OSError as exc:
        raise UsageError(f"{path}: cannot be written: {exc.strerror}") from exc


def _entry(login: Login) -> str:
    return login.host if login.port == 22 else f"[{login.host}]:{login.port}"


def _fingerprint(key: asyncssh.SSHKey) -> str:
    return str(key.get_fingerprint())
