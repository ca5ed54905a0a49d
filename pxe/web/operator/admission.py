"""Who calls, and whether they may: before any route of the operator's app runs.

A Unix socket is guarded by its permissions: who reaches it is admin, and the kernel says which user that is.
Over TCP a token says who calls, in `Authorization: Bearer` or in the cookie that a login sets. Without any
token on record, a listener on loopback trusts all users of this host, as it always did.

A browser must not become the attacker's hand. Its cookie is SameSite=Strict and HttpOnly; a request whose
Origin or Sec-Fetch-Site names another site is refused; and over loopback without tokens the Host must be an
address or localhost (DNS rebinding).
"""

import contextlib
import pwd
import socket
import struct
import time
from ipaddress import ip_address
from typing import NoReturn

from flask import abort, current_app, g, request

from pxe.access import Role
from pxe.audit import Actor
from pxe.token_store import Token
from pxe.web.context import context
from pxe.web.operator.operation import declared_of

COOKIE = "bootlab_token"
HEADER = "X-Bootlab"  # other sites cannot send it: browsers ask us first, and we do not answer that
_READS = ("GET", "HEAD", "OPTIONS")
_UCRED = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED


def admit() -> None:
    """Set `g.actor` and `g.role` (None: nobody), or end the request with 401 or 403 and a sentence."""
    g.actor, g.role = Actor(who="nobody", role="", source=_source()), None
    view = current_app.view_functions.get(request.endpoint or "")
    declared = declared_of(view) if view is not None else None
    if not request.environ.get("REMOTE_ADDR"):
        _be(_local_user(), Role.ADMIN)
        return
    _check_site()
    if declared is None or declared.role is None:
        with contextlib.suppress(Exception):
            _identify()
        return
    _identify()
    if g.role is None or not g.role.may(declared.role):
        abort(403, f"{request.method} {request.path} needs the role {declared.role}; {_mine()}")


def token_of(secret: str) -> Token:
    """The token that `secret` is. Ends the request with 401 where it is none, or has run out."""
    token = context().tokens.find(secret)
    if token is None:
        abort(401, "there is no such token; `bootlab token list` shows those there are, by name")
    if token.expired(time.time()):
        g.actor = Actor(who=token.name, role="", source=g.actor.source)
        abort(401, f"token {token.name} has expired; make a new one with `bootlab token add`")
    return token


def _identify() -> None:
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    cookie = request.cookies.get(COOKIE, "")
    if kind.lower() == "bearer" and bearer.strip():
        token = token_of(bearer.strip())
    elif cookie:
        _check_not_forged()
        token = token_of(cookie)
    elif _is_loopback() and not context().tokens.all():
        _check_host()
        _be("anybody on this host", Role.ADMIN)
        return
    else:
        _missing()
    _be(token.name, token.role)


def _missing() -> NoReturn:
    abort(
        401,
        "a token is needed: send `Authorization: Bearer TOKEN`; an admin makes one by `bootlab token add`",
    )


def _be(who: str, role: Role) -> None:
    g.role = role
    g.actor = Actor(who=who, role=role, source=g.actor.source)


def _mine() -> str:
    return f"{g.actor.who} is {g.role}"


def _check_site() -> None:
    """Refuse what a page of another site made a browser send. Programs send neither header."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.rpartition("//")[2] != request.host:
        abort(403, "a request from another web site is not taken")
    if request.method not in _READS and request.headers.get("Sec-Fetch-Site", "same-origin") not in (
        "same-origin",
        "none",
    ):
        abort(403, "a request from another web site is not taken")


def _check_not_forged() -> None:
    """A cookie comes along by itself, so a change must show that our own page made it."""
    if request.method in _READS or "Origin" in request.headers or HEADER in request.headers:
        return
    abort(403, f"a change with a cookie needs the header Origin or {HEADER}")


def _check_host() -> None:
    """DNS rebinding: a page's own host name that suddenly points at 127.0.0.1 is still in the Host header."""
    host = request.host.rpartition(":")[0] if ":" in request.host else request.host
    with contextlib.suppress(ValueError):
        ip_address(host.strip("[]"))
        return
    if host != "localhost":
        abort(403, "call the API by its address or as localhost")


def _is_loopback() -> bool:
    with contextlib.suppress(ValueError):
        return ip_address(request.environ.get("REMOTE_ADDR", "")).is_loopback
    return False


def _source() -> str:
    where = request.environ.get("REMOTE_ADDR")
    return str(where) if where else "the Unix socket"


def _local_user() -> str:
    connection = request.environ.get("gunicorn.socket")
    if not isinstance(connection, socket.socket):
        return "a local user"
    _, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    try:
        return f"local user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"local user {uid}"
