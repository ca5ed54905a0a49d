"""`bootlab image build`: operating systems that the lab makes itself. docs/refos.md is the manual."""

import json
import time
from importlib.metadata import version as installed_version

import click
from rich.console import Console

from lab.refos.build.image import LIMIT, Image, Request, build
from lab.refos.build.recipe import ARCHES
from pxe.assets import AddRequest, Manifest, Store, add_image

_CONSOLES = {"arm64": "console=ttyAMA0", "amd64": "console=ttyS0"}


def catalogue(store: Store, image: Image) -> Manifest:
    """Add an image to the catalogue; return its entry."""
    identity = image.identity
    parts = {"kernel": str(image.kernel), "initrd": str(image.netboot), "bundle": str(image.bundle)}
    request = AddRequest(
        name="refos", version=identity.version, arch=ARCHES[identity.arch], parts=parts, replace=True
    )
    return add_image(store, request)


def plan_lines(name: str, bundle: str, console: str) -> str:
    """What to write into a site file to netboot the image of that name, and serve its bundle."""
    part = f"{{image: {name}}}"
    return (
        f"plans:\n  refos:\n    kernel: {part}\n    initrd: {part}\n    cmdline: {console} panic=5\n"
        f"    files: [{{image: {name}, part: bundle}}]  # http://{{server}}/{bundle}\n"
    )


def build_image(arch: str, version: str, store: Store, *, update: bool, as_json: bool) -> None:
    """Build, add to the catalogue, and say how to boot it."""
    console = Console(stderr=True)
    request = Request(arch=arch, version=version or installed_version("bootlab"), update=update)
    begin = time.monotonic()
    with console.status("refos") as status:

        def tell(text: str) -> None:
            status.update(f"refos: {text}")
            if not console.is_terminal:
                console.print(f"refos: {text}", markup=False, highlight=False)

        image = build(request, tell)
        tell("the catalogue")
        manifest = catalogue(store, image)
    name, seconds = str(manifest.image), time.monotonic() - begin
    if as_json:
        click.echo(
            json.dumps(manifest.to_json() | {"folder": str(image.folder), "seconds": seconds}, indent=2)
        )
        return
    size = image.slot.stat().st_size / 1e6
    click.echo(f"{name}: a slot of {size:.1f} MB (at most {LIMIT / 1e6:.0f}), in {seconds:.0f} s")
    click.echo(f"update bundle {image.bundle}\nin the site file:\n")
    click.echo(plan_lines(name, image.bundle.name, _CONSOLES[arch]))
