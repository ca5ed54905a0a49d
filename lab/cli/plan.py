"""`bootlab plan`: what can be booted."""

import json
from pathlib import Path
from typing import Any

import click

from lab.cli.api import fields, json_option, print_json, print_table, with_api
from lab.config.butane import ignition_name, ignition_of
from lab.config.yamlfile import read_yaml
from lab.errors import UsageError
from lab.ignitionlint import lint_configs
from lab.netboot import BootService, Missing
from pxe.plan_json import plan_from_json

_ASSETS = ("kernel", "initrd", "dtb", "loader")
_WORDS = ("cmdline", "arch", "action", "then", "transport", "fdt_address")
_FIELDS = ("name", *_WORDS, *_ASSETS, "files", "tree", "texts", "templates", "configs", "source")
_ANSWERS = ("source", "warnings", "etag")  # of `show --json`, not of a plan
_file = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group()
def plan() -> None:
    """What can be booted. docs/plans.md says what a plan may hold."""


@plan.command("list")
@json_option
@with_api
def list_plans(service: BootService, *, as_json: bool) -> None:
    """List all plans."""
    found, _ = service.ask("GET", "/plans")
    if as_json:
        print_json(found["plans"])
        return
    rows = (
        [
            p["name"],
            p["action"],
            p["arch"],
            *((p[part] or {}).get("name") for part in ("kernel", "initrd")),
            p["then"],
            p["source"],
        ]
        for p in found["plans"]
    )
    print_table(("name", "action", "arch", "kernel", "initrd", "then", "from"), rows, "no plans")


@plan.command()
@click.argument("name")
@json_option
@with_api
def show(service: BootService, name: str, *, as_json: bool) -> None:
    """Show a plan. What --json prints can be changed and given to `plan set`."""
    found, etag = service.ask("GET", f"/plans/{name}")
    if as_json:
        print_json({**found, "etag": etag})
        return
    fields(_FIELDS, {**found, **{part: _path(found[part]) for part in _ASSETS}})


@plan.command()
@click.argument("name")
@json_option
@with_api
def files(service: BootService, name: str, *, as_json: bool) -> None:
    """Show the files of a plan as they are now, with their checksums."""
    found, _ = service.ask("GET", f"/plans/{name}/assets")
    if as_json:
        print_json(found["assets"])
        return
    keys = ("name", "size", "crc32", "sha256", "path", "error")
    print_table(keys, ([a.get(key) for key in keys] for a in found["assets"]), "no files")


def _with_plan(command: Any) -> Any:
    """The options that make up a plan."""
    for word in reversed(_WORDS):
        command = click.option(f"--{word.replace('_', '-')}", word, help=f"Its {word}.")(command)
    for part in reversed(_ASSETS):
        command = click.option(f"--{part}", type=_file, help=f"Its {part}: a file on the service's host.")(
            command
        )
    command = click.argument("file", required=False, type=_file)(command)
    return click.argument("name")(command)


@plan.command("set")
@_with_plan
@with_api
def set_plan(service: BootService, name: str, file: Path | None, **given: Any) -> None:
    """Add plan NAME, or change what is given of it.

    FILE, JSON or YAML as `show --json` prints it, takes the place of the whole plan; where it has the `etag`
    of that, the service refuses to overwrite what somebody else changed meanwhile.
    """
    body, condition = _plan_of(service, name, file, given)
    answer, _ = service.ask("PUT", f"/plans/{name}", body, headers=condition)
    click.echo(f"plan {name} is set")
    _warn(answer["warnings"], body)


@plan.command()
@_with_plan
@with_api
def validate(service: BootService, name: str, file: Path | None, **given: Any) -> None:
    """Check a plan as `set` would, and change nothing. Exit code 2 where it would be refused."""
    body, _ = _plan_of(service, name, file, given)
    answer, _ = service.ask("POST", f"/plans/{name}/check", body)
    _warn(answer["warnings"], body)
    click.echo(f"plan {name} can be set")


@plan.command()
@click.argument("name")
@with_api
def rm(service: BootService, name: str) -> None:
    """Forget a plan, or what was set over the site file."""
    service.ask("DELETE", f"/plans/{name}")
    click.echo(f"plan {name} is forgotten")


def _warn(warnings: list[str], body: dict[str, Any]) -> None:
    """The service's warnings, and those of Ignition's own checker, where it is here."""
    for warning in (*warnings, *lint_configs(plan_from_json(body).configs)):
        click.echo(f"warning: {warning}", err=True)


def _plan_of(
    service: BootService, name: str, file: Path | None, given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The plan that the command line means, and the condition under which it may be set."""
    condition: dict[str, str] = {}
    if file is not None:
        found = _read(file)
        if found.get("etag"):
            condition = {"If-Match": str(found["etag"])}
    else:
        try:
            found, etag = service.ask("GET", f"/plans/{name}")
            condition = {"If-Match": etag}
        except Missing:
            found, condition = {}, {"If-None-Match": "*"}
    body = {key: value for key, value in found.items() if key not in _ANSWERS}
    if isinstance(body.get("configs"), list):
        body["configs"] = [_ignition(part) for part in body["configs"]]
    for key, value in given.items():
        if isinstance(value, Path):
            body[key] = {"name": value.name, "path": str(value.absolute())}
        elif value is not None:
            body[key] = value or None
    return {**body, "name": name}, condition


def _ignition(part: Any) -> Any:
    """A config of kind butane, with `path` and perhaps `files_dir`, as the Ignition that it means."""
    if not isinstance(part, dict) or part.get("kind") != "butane":
        return part
    path = part.get("path")
    if not isinstance(path, str) or part.get("secret"):
        raise UsageError(
            "a config of kind butane has a path and is not secret: translated, it is text of the plan; "
            "for a secret one translate it with bootlab butane, and name the outcome with kind ignition"
        )
    folder = Path(part["files_dir"]) if isinstance(part.get("files_dir"), str) else None
    name = part.get("name") or ignition_name(Path(path))
    return {"kind": "ignition", "name": name, "text": ignition_of(Path(path), folder)}


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except ValueError:
        found = read_yaml(file).data
    except OSError as exc:
        raise UsageError(f"{file}: {exc.strerror}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{file}: a plan is keys with values, as `bootlab plan show NAME --json` prints it")
    return found


def _path(asset: dict[str, Any] | None) -> str:
    return str(asset["path"]) if asset is not None else ""
