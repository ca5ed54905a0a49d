"""`bootlab schematic`: what Image Factory shall put into an image of Talos. docs/talos.md is the manual."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lab.cli.image_store import json_option
from lab.errors import UsageError
from lab.systems.talos.factory import ARCHES, Extension, Factory
from lab.systems.talos.schematic import read_schematic

_ID = re.compile(r"[0-9a-f]{64}")
_options = (
    click.option("--upstream", metavar="URL", default="", help="Another Image Factory than the public one."),
    click.option("--allow-http", is_flag=True, help="Take one without https outside private networks."),
)
_version = click.option("--version", default="", help="Of Talos.  [default: the newest that is released]")


def with_factory(command: Callable[..., None]) -> Any:
    """Add the options that say which Image Factory."""
    for option in reversed(_options):
        command = option(command)
    return command


@click.group()
def schematic() -> None:
    """What Image Factory shall put into an image of Talos: extensions, arguments, a board's overlay."""


@schematic.command("id")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def show_id(file: Path) -> None:
    """Print the id of the schematic in FILE (YAML or JSON), computed here."""
    click.echo(read_schematic(file).id)


@schematic.command()
@click.argument("what", metavar="FILE|ID")
@json_option
@with_factory
def show(what: str, upstream: str, *, allow_http: bool, as_json: bool) -> None:
    """Show a schematic as Image Factory keeps it; by its ID, ask for it."""
    if _ID.fullmatch(what):
        identity, text = what, Factory(upstream, allow_http=allow_http).schematic(what)
    else:
        found = read_schematic(Path(what))
        identity, text = found.id, found.canonical
    click.echo(json.dumps({"id": identity, "schematic": text}, indent=2) if as_json else text, nl=as_json)


@schematic.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_version
@json_option
@with_factory
def push(file: Path, version: str, upstream: str, *, allow_http: bool, as_json: bool) -> None:
    """Make the schematic in FILE known to Image Factory, and print its id.

    With --version, extensions and overlay must be there for it.
    """
    found, factory = read_schematic(file), Factory(upstream, allow_http=allow_http)
    if version:
        factory.check(found, factory.choose(version))
    identity = factory.push(found)
    click.echo(json.dumps({"id": identity, "computed": found.id}, indent=2) if as_json else identity)
    if identity != found.id:
        click.echo(f"computed here was {found.id}: {factory.base} writes schematics in another way", err=True)


@schematic.command()
@click.argument("what", metavar="FILE|ID")
@click.option("--arch", type=click.Choice(list(ARCHES)), required=True)
@click.option("--secureboot", is_flag=True, help="Of the signed UKI.")
@_version
@with_factory
def pxe(what: str, arch: str, version: str, upstream: str, *, secureboot: bool, allow_http: bool) -> None:
    """Print the iPXE script with which Image Factory netboots an image itself."""
    factory = Factory(upstream, allow_http=allow_http)
    chosen = factory.choose(version)
    identity = what if _ID.fullmatch(what) else factory.push(read_schematic(Path(what)))
    click.echo(factory.pxe_script(identity, chosen, arch, secureboot=secureboot), nl=False)


@schematic.command()
@_version
@json_option
@with_factory
def extensions(version: str, upstream: str, *, allow_http: bool, as_json: bool) -> None:
    """List the extensions that there are for a version."""
    factory = Factory(upstream, allow_http=allow_http)
    _list(factory.extensions(factory.choose(version)), as_json=as_json)


@schematic.command()
@_version
@json_option
@with_factory
def overlays(version: str, upstream: str, *, allow_http: bool, as_json: bool) -> None:
    """List the overlays (of boards) that there are for a version."""
    factory = Factory(upstream, allow_http=allow_http)
    _list(factory.overlays(factory.choose(version)), as_json=as_json)


def _list(found: list[Extension], *, as_json: bool) -> None:
    if as_json:
        fields = Extension.__slots__
        listed = [{field: getattr(one, field) for field in fields} for one in found]
        click.echo(json.dumps(listed, indent=2))
        return
    if not found:
        raise UsageError("there are none")
    for one in found:
        click.echo(f"{one.image + ' ' if one.image else ''}{one.name}  {one.ref}")
