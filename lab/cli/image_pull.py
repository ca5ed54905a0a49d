"""`bootlab image pull SYSTEM`: fetch a system's images from its publisher, check them, and say how they boot.

Each system is a command in a module of its own (lab/cli/image_pull_NAME.py), imported when it is named:

    @click.command()
    @click.option("--version", ...)          # options of its own
    @with_pull
    def flatcar(pulling: Pulling, version: str, ...) -> None:
        run_pull(Flatcar(), Wanted(version=version, ...), pulling)
"""

import functools
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from lab.cli.image_store import Opened, json_option, with_store
from lab.cli.plan_yaml import plan_yaml
from lab.cli.progress import watching
from lab.errors import LabError
from lab.systems.firstboot import butane_sources
from lab.systems.interface import OperatingSystem, Wanted
from pxe.assets import Manifest, Store, add_image
from pxe.errors import PxeError
from pxe.plan import BootPlan

# system -> "module:command"
PULLS = {
    "talos": "lab.cli.image_pull_talos:talos",
    "flatcar": "lab.cli.image_pull_flatcar:flatcar",
    "fcos": "lab.cli.image_pull_fcos:fcos",
    "debian": "lab.cli.image_pull_debian:debian",
}


class _Pulls(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(PULLS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in PULLS:
            return None
        module, _, attribute = PULLS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Pulls)
def pull() -> None:
    """Fetch a system's images from its publisher, check them, and say how they boot.

    A download that was interrupted goes on where it stopped when the same command runs again.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulling:
    """What every `image pull` is told: the catalogue, the plan to print ("": the system's name), and how."""

    opened: Opened
    plan: str = ""
    replace: bool = False
    as_json: bool = False


def with_pull(command: Callable[..., None]) -> Any:
    """Add the options that every system has; they come as one `pulling`."""

    @click.option(
        "--plan",
        metavar="NAME",
        default="",
        help="Call the plan so that is printed.  [default: the system's name]",
    )
    @click.option("--replace", is_flag=True, help="Put these files in the place of the image's present ones.")
    @json_option
    @with_store
    @functools.wraps(command)
    def wrapped(
        *,
        plan: str,
        replace: bool,
        as_json: bool,
        config: Path | None,
        folder: Path | None,
        **options: Any,
    ) -> None:
        opened = Opened(config, folder)
        command(pulling=Pulling(opened=opened, plan=plan, replace=replace, as_json=as_json), **options)

    return wrapped


def with_ignition(command: Callable[..., None]) -> Any:
    """Add the options of systems that Ignition configures: `upstream`, `keyring`, the rest as `extras`."""

    @click.option("--upstream", metavar="URL", default="", help="Another server than the public one.")
    @click.option("--allow-http", is_flag=True, help="Take one without https outside private networks.")
    @click.option(
        "--keyring",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="The publisher's public keys: each file must be signed by one.",
    )
    @click.option(
        "--ignition",
        "node_config",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="What the plan configures a machine with: Ignition, or Butane (.bu, .yaml).",
    )
    @click.option(
        "--files-dir",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="The folder whose files the Butane file may take in.",
    )
    @click.option("--args", "arguments", default="", help="More kernel arguments.")
    @functools.wraps(command)
    def wrapped(
        *, allow_http: bool, node_config: Path | None, files_dir: Path | None, arguments: str, **options: Any
    ) -> None:
        extras = {
            "allow_http": "1" if allow_http else "",
            "config": str(node_config or ""),
            "files_dir": str(files_dir or ""),
            "args": arguments,
        }
        command(extras=extras, **options)

    return wrapped


def run_pull(system: OperatingSystem, wanted: Wanted, pulling: Pulling) -> Manifest:
    """Fetch, check and add an image, and print the plan for the site file. Raises LabError, PxeError."""
    request = replace(system.pull(wanted), replace=pulling.replace)
    store = pulling.opened.store
    before = {known.image for known in store.manifests()}
    with watching(Console(stderr=True)) as watch:
        manifest = add_image(store, request, watch)
    try:
        plan = plan_of(system, manifest, store, wanted, pulling.plan)
    except (LabError, PxeError):  # it does not boot: not an image to find in the catalogue
        if manifest.image not in before:
            store.remove(manifest.image)
        raise
    text = plan_yaml(plan, manifest, store, butane_sources(wanted))
    support = system.support(wanted.board) if wanted.board else None
    if pulling.as_json:
        level = {"level": support.level, "reason": support.reason} if support is not None else None
        click.echo(json.dumps(manifest.to_json() | {"plan": text, "support": level}, indent=2))
        return manifest
    click.echo(f"added {manifest.image}: {', '.join(manifest.parts)}", err=True)
    _say_what_vouches(manifest)
    if support is not None:
        click.echo(f"{system.title} on {wanted.board}: {support.level}: {support.reason}", err=True)
    click.echo("the plan for the site file:", err=True)
    click.echo(text, nl=False)
    return manifest


def plan_of(system: OperatingSystem, manifest: Manifest, store: Store, wanted: Wanted, name: str) -> BootPlan:
    """Return how an image of the catalogue netboots."""
    parts = {part: store.blob(found.sha256) for part, found in manifest.parts.items()}
    return system.plan(name or system.name, parts, wanted)


def _say_what_vouches(manifest: Manifest) -> None:
    unchecked = [part for part, found in manifest.parts.items() if not found.checked]
    if unchecked:
        click.echo(f"nothing upstream vouches for {', '.join(unchecked)}: taken as it came", err=True)
