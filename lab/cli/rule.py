"""`bootlab rule`: which plan machines get that name none themselves."""

import click

from lab.cli.api import fields, json_option, print_json, print_table, with_api
from lab.errors import UsageError
from lab.netboot import BootService, Missing

_WHEN = ("mac", "uuid", "serial", "arch", "firmware", "tags", "network")


@click.group()
def rule() -> None:
    """Plans of machines that name none; the most specific rule wins."""


@rule.command("list")
@json_option
@with_api
def list_rules(service: BootService, *, as_json: bool) -> None:
    """List all rules, the most specific first."""
    found, _ = service.ask("GET", "/rules")
    if as_json:
        print_json(found["rules"])
        return
    rows = ([r["name"], _text(r["when"]), r["plan"], r["source"]] for r in found["rules"])
    print_table(("name", "when", "plan", "from"), rows, "no rules")


@rule.command()
@click.argument("name")
@json_option
@with_api
def show(service: BootService, name: str, *, as_json: bool) -> None:
    """Show a rule."""
    found, etag = service.ask("GET", f"/rules/{name}")
    if as_json:
        print_json({**found, "etag": etag})
        return
    fields(("name", "when", "plan", "source"), {**found, "when": _text(found["when"])})


@rule.command("set")
@click.argument("name")
@click.argument("when", nargs=-1, required=True, metavar="WORD=VALUE...")
@click.option("--plan", required=True, help="The plan that they boot.")
@with_api
def set_rule(service: BootService, name: str, when: tuple[str, ...], plan: str) -> None:
    """Add or replace rule NAME for the machines that all of WORD=VALUE select.

    WORD is mac (an address, or how it begins), uuid, serial, arch, firmware, network, or tags (a,b).

    \b
    Example:
      bootlab rule set arms arch=arm64 tags=rack1,lab --plan rescue
    """
    try:
        _, etag = service.ask("GET", f"/rules/{name}")
        condition = {"If-Match": etag}
    except Missing:
        condition = {"If-None-Match": "*"}
    body = {"when": _selector(when), "plan": plan}
    service.ask("PUT", f"/rules/{name}", body, headers=condition)
    click.echo(f"rule {name} is set")


@rule.command()
@click.argument("name")
@with_api
def rm(service: BootService, name: str) -> None:
    """Forget a rule, or what was set over the site file."""
    service.ask("DELETE", f"/rules/{name}")
    click.echo(f"rule {name} is forgotten")


def _selector(words: tuple[str, ...]) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key not in _WHEN or not (equals and value):
            raise UsageError(f"{word!r}: write WORD=VALUE, where WORD is one of {', '.join(_WHEN)}")
        found[key] = value.split(",") if key == "tags" else value
    return found


def _text(when: dict[str, str | list[str] | None]) -> str:
    shown = {key: ",".join(value) if isinstance(value, list) else value for key, value in when.items()}
    return " ".join(f"{key}={value}" for key, value in shown.items() if value)
