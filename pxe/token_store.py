"""Tokens of the operator's API, in the state database: stored as hashes, told to nobody a second time.

A token is 256 random bits, so that a plain SHA-256 keeps it as well as a slow hash would. The rows are read
for each request: a token that was removed, also by `bootlab token rm` beside the running service, ends at
once.
"""

import hmac
import re
import secrets
import time
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Column, Engine, Float, MetaData, String, Table, delete, insert, select

from pxe.access import Role
from pxe.errors import PlanError
from pxe.state import storage_errors

PREFIX = "bootlab_"  # so that scanners of repositories and people recognise one
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST = 1000

_metadata = MetaData()
_tokens = Table(
    "tokens",
    _metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(8), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created", Float(53), nullable=False),  # seconds since 1970
    Column("expires", Float(53)),  # null: never
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is kept of a token. Times in seconds since 1970; `expires` None: never."""

    name: str
    role: Role
    created: float
    expires: float | None

    def expired(self, now: float) -> bool:
        """Whether it has run out at `now`."""
        return self.expires is not None and self.expires <= now


class TokenStore:
    """Safe to use from several threads and processes. Everything raises ServiceError for a bad database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with storage_errors(engine):
            _metadata.create_all(engine)

    def add(self, name: str, role: Role, seconds: float | None = None) -> str:
        """Make a token that lasts `seconds` (None: for ever) and return it: the only time that it is told.

        Raises PlanError for a bad name, or one that there is.
        """
        if not _NAME.fullmatch(name):
            raise PlanError(f"token name {name!r}: use 1 to 64 letters, digits, '.', '_' or '-'")
        if seconds is not None and not 0 < seconds < 1e10:
            raise PlanError("expires: must be a time from now on")
        there = [token.name for token in self.all()]
        if name in there:
            raise PlanError(f"token name: there is a token {name} already; remove it first")
        if len(there) >= _MOST:
            raise PlanError(f"there are {_MOST} tokens; remove some")
        secret, now = PREFIX + secrets.token_urlsafe(32), time.time()
        expires = now + seconds if seconds is not None else None
        row = {
            "name": name,
            "role": role.value,
            "digest": _digest(secret),
            "created": now,
            "expires": expires,
        }
        with storage_errors(self._engine), self._engine.begin() as db:
            db.execute(insert(_tokens).values(row))
        return secret

    def remove(self, name: str) -> bool:
        """Forget the token of that name; return whether there was one."""
        with storage_errors(self._engine), self._engine.begin() as db:
            return bool(db.execute(delete(_tokens).where(_tokens.c.name == name)).rowcount)

    def all(self) -> list[Token]:
        """All tokens by name, also those that have run out."""
        return [token for token, _ in self._rows()]

    def find(self, secret: str) -> Token | None:
        """The token that `secret` is, run out or not; takes the same time for every wrong one."""
        digest, found = _digest(secret), None
        for token, known in self._rows():
            if hmac.compare_digest(known, digest):
                found = token
        return found

    def _rows(self) -> list[tuple[Token, str]]:
        with storage_errors(self._engine), self._engine.connect() as db:
            rows = db.execute(select(_tokens).order_by(_tokens.c.name)).all()
        return [
            (Token(name=r.name, role=Role(r.role), created=r.created, expires=r.expires), r.digest)
            for r in rows
        ]


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
