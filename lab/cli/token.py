"""`bootlab token`: who may call the API over TCP, and as what.

Without --url the tokens are those of the site file's state folder, whether the service runs or not: the first
one is needed before it may listen on more than this host.
"""

import getpass
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from lab.cli.api import clock, connect, json_option, print_json, print_table, site_of, with_options
from lab.errors import UsageError
from pxe.access import Role
from pxe.audit import Actor, Audit
from pxe.state import open_state
from pxe.token_store import TokenStore

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@click.group()
def token() -> None:
    """Tokens of the API: docs/api.md."""


def _seconds(_ctx: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhdw])", text)
    if found is None:
        raise click.BadParameter("write it like 12h, 30d or 8w")
    return float(int(found[1]) * _SECONDS[found[2]])


@token.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in Role]), required=True, help="What it may do."
)
@click.option("--expires", "seconds", callback=_seconds, metavar="TIME", help="Ends after, such as 30d.")
@json_option
@with_options
def add(
    name: str,
    role: str,
    seconds: float | None,
    *,
    as_json: bool,
    config: Path | None,
    url: str,
    token: str,
    ca: Path | None,
) -> None:
    """Make a token called NAME and print it. It is not kept: it cannot be shown again.

    viewer reads, operator changes what machines boot, admin makes tokens.
    """
    if url:
        with connect(config, url, token, ca) as service:
            body = {"role": role, "seconds": seconds}
            secret = service.ask("POST", f"/tokens/{name}", body)[0]["token"]
    else:
        with _store(config) as (tokens, audit, actor):
            secret = tokens.add(name, Role(role), seconds)
            audit.changed(actor, f"POST /api/v1/tokens/{name}", None, {"name": name, "role": role})
    if as_json:
        print_json({"name": name, "role": role, "token": secret})
    else:
        click.echo(secret)


@token.command("list")
@json_option
@with_options
def list_tokens(*, as_json: bool, config: Path | None, url: str, token: str, ca: Path | None) -> None:
    """List all tokens by name, without themselves."""
    found: list[dict[str, Any]]
    if url:
        with connect(config, url, token, ca) as service:
            found = service.ask("GET", "/tokens")[0]["tokens"]
    else:
        with _store(config) as (tokens, _, _):
            now = time.time()
            found = [
                {
                    "name": t.name,
                    "role": t.role,
                    "created": t.created,
                    "expires": t.expires,
                    "expired": t.expired(now),
                }
                for t in tokens.all()
            ]
    if as_json:
        print_json(found)
        return
    rows = (
        [
            t["name"],
            t["role"],
            clock(t["created"]),
            "expired" if t["expired"] else clock(t["expires"]) or "never",
        ]
        for t in found
    )
    print_table(
        ("name", "role", "made", "ends"), rows, "no tokens: over TCP, only this host may call the API"
    )


@token.command()
@click.argument("name")
@with_options
def rm(name: str, config: Path | None, url: str, token: str, ca: Path | None) -> None:
    """Forget a token: whoever has it is refused from now on."""
    if url:
        with connect(config, url, token, ca) as service:
            service.ask("DELETE", f"/tokens/{name}")
    else:
        with _store(config) as (tokens, audit, actor):
            if not tokens.remove(name):
                raise UsageError(f"there is no token {name}")
            audit.changed(actor, f"DELETE /api/v1/tokens/{name}", {"name": name}, None)
    click.echo(f"token {name} is forgotten")


@contextmanager
def _store(config: Path | None) -> Iterator[tuple[TokenStore, Audit, Actor]]:
    engine = open_state(site_of(config).state_dir)
    try:
        actor = Actor(who=f"local user {getpass.getuser()}", role=Role.ADMIN, source="the command line")
        yield TokenStore(engine), Audit(engine), actor
    finally:
        engine.dispose()
