"""`bootlab image build`: operating systems that the lab makes itself. docs/refos.md is the manual."""

import json
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from lab.refos.build.image import Image, Request, build
from lab.refos.build.recipe import ARCHES
from pxe.assets import AddRequest, Store, add_image

_NAMES = ("refos",)


def catalogue(store: Store, image: Image) -> str:
    """Add an image to the catalogue; return its name there."""
    identity = image.identity
    parts = {"kernel": str(image.kernel), "initrd": str(image.netboot)}
    request = AddRequest(
        name="refos", version=identity.version, arch=ARCHES[identity.arch], parts=parts, replace=True
    )
    return str(add_image(store, request).image)


def plan_lines(name: str, console: str) -> str:
    """What to write into a site file to boot the image of that name."""
    part = f"{{image: {name}}}"
    return f"plans:\n  refos:\n    kernel: {part}\n    initrd: {part}\n    cmdline: {console} panic=5\n"


def build_image(arch: str, version: str, store: Store, *, update: bool, as_json: bool) -> None:
    """Build, add to the catalogue, and say how to boot it."""
    console = Console(stderr=True)
    request = Request(arch=arch, version=version or installed_version("bootlab"), update=update)
    with console.status("refos") as status:

        def tell(text: str) -> None:
            status.update(f"refos: {text}")
            if not console.is_terminal:
                console.print(f"refos: {text}", markup=False, highlight=False)

        image = build(request, tell)
        tell("the catalogue")
        name = catalogue(store, image)
    if as_json:
        click.echo(json.dumps(_facts(name, image), indent=2))
        return
    click.echo(f"image {name}, {image.netboot.stat().st_size / 1e6:.1f} MB; in the site file:\n")
    click.echo(plan_lines(name, "console=ttyAMA0" if arch == "arm64" else "console=ttyS0"))


def _facts(name: str, image: Image) -> dict[str, Any]:
    files: dict[str, Path] = {"kernel": image.kernel, "initrd": image.initrd, "netboot": image.netboot}
    return {"image": name, "files": {part: str(path) for part, path in files.items()}}
