"""/tokens: who may call the API, by name. /session: a browser's login."""

import time
from dataclasses import asdict
from typing import Annotated, Any

from flask import Blueprint, Response, abort, g, jsonify, request
from pydantic import Field
from typing_extensions import TypedDict

from pxe.access import Role
from pxe.errors import PlanError
from pxe.plan_store import Unknown
from pxe.token_store import Token
from pxe.web.context import context
from pxe.web.operator.admission import COOKIE, token_of
from pxe.web.operator.operation import operation
from pxe.web.operator.reading import json_body

blueprint = Blueprint("tokens", __name__)

_LONGEST = 10 * 366 * 86400.0


class TokenReply(TypedDict):
    """A token without itself. Times in seconds since 1970; `expires` null: never."""

    name: str
    role: Role
    created: float
    expires: float | None
    expired: bool


class Tokens(TypedDict):
    """All tokens, by name."""

    tokens: list[TokenReply]


class TokenBody(TypedDict, total=False):
    """`seconds`: how long it lasts; null or left out: for ever."""

    role: Role
    seconds: Annotated[float, Field(gt=0, le=_LONGEST)] | None


class NewToken(TokenReply):
    """The only answer that has the token itself."""

    token: str


class SessionBody(TypedDict):
    """What a person who logs in has."""

    token: str


class SessionReply(TypedDict):
    """Who is calling: a token's name, or a user of this host; `role` null: nobody."""

    who: str
    role: Role | None


@blueprint.get("/tokens")
@operation(reply=Tokens, role=Role.ADMIN, errors=(503,))
def list_tokens() -> dict[str, Any]:
    """Names, roles and times; never the tokens themselves, which are not kept."""
    return {"tokens": [_shown(token) for token in context().tokens.all()]}


def _current(name: str) -> dict[str, Any] | None:
    found = [token for token in context().tokens.all() if token.name == name]
    return {"name": name, "role": found[0].role, "expires": found[0].expires} if found else None


@blueprint.post("/tokens/<name>")
@operation(body=TokenBody, reply=NewToken, role=Role.ADMIN, subject=_current)
def add_token(name: str) -> dict[str, Any]:
    """Make a token; the answer is the only place where it is ever told."""
    body = json_body()
    unknown = sorted(set(body) - {"role", "seconds"})
    if unknown:
        raise PlanError(f"unknown field {unknown[0]!r}; there are: role, seconds")
    role, seconds = body.get("role"), body.get("seconds")
    if role not in list(Role):
        raise PlanError(f"role: must be one of {', '.join(Role)}")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0 < seconds <= _LONGEST):
        raise PlanError("seconds: must be a number above 0, at most ten years, or null")
    secret = context().tokens.add(name, Role(role), seconds)
    token = next(token for token in context().tokens.all() if token.name == name)
    return {**_shown(token), "token": secret}


@blueprint.delete("/tokens/<name>")
@operation(role=Role.ADMIN, errors=(503,), subject=_current)
def delete_token(name: str) -> tuple[str, int]:
    """Forget a token: whoever has it is refused from now on."""
    if not context().tokens.remove(name):
        raise Unknown(f"token {name} does not exist")
    return "", 204


@blueprint.get("/session")
@operation(reply=SessionReply, role=None)
def get_session() -> dict[str, Any]:
    """Who is calling, and what they may do."""
    return {"who": g.actor.who, "role": g.role}


@blueprint.post("/session")
@operation(body=SessionBody, reply=SessionReply, role=None, errors=(401, 403), recorded=False)
def log_in() -> Response:
    """Keep a token in a cookie that scripts cannot read and that other sites cannot make the browser send."""
    secret = json_body().get("token")
    if not isinstance(secret, str) or not secret:
        abort(400, "token: must be a string")
    token = token_of(secret.strip())
    response = jsonify({"who": token.name, "role": token.role})
    left = int(token.expires - time.time()) if token.expires is not None else None
    response.set_cookie(
        COOKIE, secret.strip(), max_age=left, httponly=True, samesite="Strict", secure=request.is_secure
    )
    return response


@blueprint.delete("/session")
@operation(role=None, errors=(403,), recorded=False)
def log_out() -> Response:
    """Forget the cookie."""
    response = Response(status=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=request.is_secure)
    return response


def _shown(token: Token) -> dict[str, Any]:
    return {**asdict(token), "expired": token.expired(time.time())}
