"""Plain values of the SSH client."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lab.errors import UsageError

_TARGET = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\s:@]+)(?::(?P<port>\d{1,5}))?"
)


@dataclass(frozen=True, slots=True)
class Login:
    """Where to log in, as whom, with which private key; without `key` those of the user's SSH agent."""

    host: str
    port: int = 22
    user: str = "core"
    key: Path | None = None

    @classmethod
    def of(cls, text: str, key: Path | None = None) -> Self:
        """Return what `[USER@]HOST[:PORT]` means; IPv6 addresses in brackets. Raises UsageError."""
        match = _TARGET.fullmatch(text)
        port = int(match["port"] or 22) if match else 0
        if match is None or not 0 < port < 65536 or text.startswith("-"):
            raise UsageError(f"{text!r} is no SSH address: write USER@HOST or USER@HOST:PORT")
        return cls(match["host"].strip("[]"), port, match["user"] or "core", key)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}" + (f":{self.port}" if self.port != 22 else "")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did. `status` is negative for the signal that ended it."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Its output, with what is no UTF-8 replaced."""
        return self.stdout.decode(errors="replace")

    @property
    def said(self) -> str:
        """What it complained of, else what it printed; one line for people."""
        words = (self.stderr.strip() or self.stdout.strip()).decode(errors="replace")
        return " | ".join(line.strip() for line in words.splitlines()[-3:]) or "it said nothing"
