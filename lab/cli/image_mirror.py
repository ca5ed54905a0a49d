"""`bootlab image export`, `import`: images through an air gap. docs/mirror.md is the manual."""

import json
from pathlib import Path

import click
from rich.console import Console

from lab.cli.image_store import Opened, json_option, with_store
from lab.cli.progress import watching
from pxe.assets import ImageName, export_images, import_images


@click.command("export")
@click.argument("names", metavar="NAME/VERSION/ARCH...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The archive to write.",
)
@json_option
@with_store
def export(
    names: tuple[str, ...], output: Path, *, as_json: bool, config: Path | None, folder: Path | None
) -> None:
    """Write images, with what vouched for them, to one archive for a host without a network.

    Every file is read again and checked. The SHA-256 that is printed goes another way than the archive.
    """
    wanted = [ImageName.parse(name) for name in names]
    with watching(Console(stderr=True)) as watch:
        sha256 = export_images(Opened(config, folder).store, wanted, output, watch)
    size = output.stat().st_size
    if as_json:
        images = [str(name) for name in wanted]
        click.echo(
            json.dumps({"file": str(output), "size": size, "sha256": sha256, "images": images}, indent=2)
        )
        return
    click.echo(f"{sha256}  {output}")


@click.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--sha256", metavar="HEX", default="", help="What the archive's SHA-256 must be.")
@click.option("--replace", is_flag=True, help="Put these images in the place of those that are here.")
@json_option
@with_store
def import_(
    source: Path, sha256: str, *, replace: bool, as_json: bool, config: Path | None, folder: Path | None
) -> None:
    """Add the images of an archive that `bootlab image export` wrote: all of them, or none.

    Exit code 1 where the archive was changed or cut.
    """
    store = Opened(config, folder).store
    with watching(Console(stderr=True)) as watch:
        found = import_images(store, source, sha256=sha256, replace=replace, watch=watch)
    if as_json:
        click.echo(json.dumps([manifest.to_json() for manifest in found], indent=2))
        return
    for manifest in found:
        click.echo(f"added {manifest.image}: {', '.join(manifest.parts)}")
    if not sha256:
        click.echo(
            "each file is what the archive's index says; nobody vouches for the index: give --sha256, as "
            "`image export` printed it",
            err=True,
        )
