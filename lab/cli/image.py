"""`bootlab image`: the catalogue of things to boot. docs/images.md is the manual."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from lab.cli.api import connect, with_options
from lab.cli.image_build import build_image
from lab.cli.image_mirror import export, import_
from lab.cli.image_pull import pull
from lab.cli.image_releases import releases
from lab.cli.image_store import Opened, folder_option, json_option, with_store
from lab.cli.progress import watching
from lab.cli.unpack import unpack
from lab.errors import UsageError
from lab.refos.build.prune import KEPT, prune
from pxe.assets import AddRequest, ImageName, Manifest, Promises, Store, add_image, collect_garbage
from pxe.errors import ChecksumError


@click.group()
def image() -> None:
    """The catalogue of things to boot, by name, version and architecture."""


image.add_command(unpack)
image.add_command(pull)
image.add_command(releases)
image.add_command(export)
image.add_command(import_)


def _pairs(words: tuple[str, ...], what: str) -> dict[str, str]:
    """`name=value` words as a dictionary. Raises UsageError where one is none, or a name comes twice."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise UsageError(f"{word!r}: write {what}")
        if name in found:
            raise UsageError(f"{name!r} is given twice")
        found[name] = value
    return found


@image.command()
@click.argument("name")
@click.argument("parts", metavar="PART=SOURCE...", nargs=-1, required=True)
@click.option("--version", default="", help="Its version; with --package the package's, where left out.")
@click.option("--arch", required=True, help="x86, x86_64, arm, arm64 or riscv64.")
@click.option("--package", default="", help="A Debian package: each SOURCE is a path inside it.")
@click.option("--sha256", metavar="PART=HEX", multiple=True, help="What a part's SHA-256 must be.")
@click.option("--checksums", metavar="SOURCE", default="", help="A list such as SHA256SUMS: path or URL.")
@click.option(
    "--signature",
    metavar="SUFFIX",
    default="",
    help="OpenPGP signatures lie beside what they sign, under its name plus this (.sig, .gpg, .asc, .sign): "
    "of the list with --checksums, else of each part.",
)
@click.option(
    "--keyring", type=click.Path(path_type=Path, dir_okay=False), help="The keys that are trusted for them."
)
@click.option("--replace", is_flag=True, help="Put these files in the place of the image's present ones.")
@json_option
@with_store
def add(
    name: str,
    parts: tuple[str, ...],
    version: str,
    arch: str,
    package: str,
    sha256: tuple[str, ...],
    checksums: str,
    signature: str,
    keyring: Path | None,
    *,
    replace: bool,
    as_json: bool,
    config: Path | None,
    folder: Path | None,
) -> None:
    """Fetch the PARTs of image NAME, check them, and add it.

    SOURCE is a file, a URL, or with --package a path inside the package. A download that was interrupted
    goes on where it stopped when the same command runs again.
    """
    request = AddRequest(
        name=name,
        version=version,
        arch=arch,
        parts=_pairs(parts, "PART=SOURCE like kernel=FILE"),
        package=package,
        replace=replace,
        promises=Promises(
            sha256=_pairs(sha256, "PART=HEX like kernel=0123..."),
            checksums=checksums,
            signature=signature,
            keyring=keyring,
        ),
    )
    with watching(Console(stderr=True)) as watch:
        manifest = add_image(Opened(config, folder).store, request, watch)
    if as_json:
        click.echo(json.dumps(manifest.to_json(), indent=2))
        return
    click.echo(f"added {manifest.image}: {', '.join(manifest.parts)}")
    unchecked = [part for part, found in manifest.parts.items() if not found.checked]
    if unchecked:
        click.echo(f"nothing upstream vouches for {', '.join(unchecked)}: taken as it came", err=True)


@image.command("build")
@click.argument("name", type=click.Choice(["refos"]))
@click.option("--arch", type=click.Choice(["arm64", "amd64"]), default="arm64", show_default=True)
@click.option("--version", default="", help="The version it says it is.  [default: bootlab's own]")
@click.option("--update", is_flag=True, help="Take the newest packages, not those of the last build.")
@json_option
@with_store
def build(
    name: str,
    arch: str,
    version: str,
    *,
    update: bool,
    as_json: bool,
    config: Path | None,
    folder: Path | None,
) -> None:
    """Build refos, the lab's reference operating system, from Debian's packages, and add it to the catalogue.

    Needs no root and runs nothing of the other architecture. docs/refos.md tells what it is.
    """
    build_image(arch, version, Opened(config, folder).store, update=update, as_json=as_json)


@image.command("list")
@json_option
@with_store
def list_images(*, as_json: bool, config: Path | None, folder: Path | None) -> None:
    """List all images."""
    manifests = Opened(config, folder).store.manifests()
    if as_json:
        click.echo(json.dumps([manifest.to_json() for manifest in manifests], indent=2))
        return
    for manifest in manifests:
        size = sum(part.size for part in manifest.parts.values())
        click.echo(f"{manifest.image}  {size / 1e6:.1f} MB  {' '.join(manifest.parts)}  {manifest.added}")


@image.command()
@click.argument("name", metavar="NAME/VERSION/ARCH")
@json_option
@with_store
def show(name: str, *, as_json: bool, config: Path | None, folder: Path | None) -> None:
    """Show an image: its files, where they came from, and what vouches for them."""
    store = Opened(config, folder).store
    manifest = store.find(ImageName.parse(name))
    paths = {part: str(store.blob(found.sha256)) for part, found in manifest.parts.items()}
    if as_json:
        shown = manifest.to_json()
        for part, path in paths.items():
            shown["parts"][part]["path"] = path
        click.echo(json.dumps(shown, indent=2))
        return
    click.echo(f"{manifest.image}  added {manifest.added}")
    for part, found in manifest.parts.items():
        click.echo(f"  {part}: {found.file}, {found.size} bytes\n    from    {found.source}")
        click.echo(f"    checked {', '.join(found.checked) or 'by nothing upstream'}")
        click.echo(f"    sha256  {found.sha256}\n    path    {paths[part]}")


@image.command()
@click.argument("names", metavar="[NAME/VERSION/ARCH]...", nargs=-1)
@json_option
@with_store
def verify(names: tuple[str, ...], *, as_json: bool, config: Path | None, folder: Path | None) -> None:
    """Read the files of images again (of all, where none is named) and compare them with their SHA-256.

    Exit code 1 where one is not what came in.
    """
    store = Opened(config, folder).store
    manifests = [store.find(ImageName.parse(name)) for name in names] or store.manifests()
    results = [result for manifest in manifests for result in _verified(store, manifest)]
    if as_json:
        click.echo(json.dumps(results, indent=2))
    else:
        for result in results:
            click.echo(f"{'ok     ' if result['ok'] else 'DAMAGED'} {result['image']} {result['part']}")
    damaged = [result["error"] for result in results if not result["ok"]]
    if damaged:
        raise ChecksumError("\n".join(damaged))


def _verified(store: Store, manifest: Manifest) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for name, part in manifest.parts.items():
        result = {"image": str(manifest.image), "part": name, "ok": True, "error": ""}
        try:
            store.verify(part)
        except ChecksumError as exc:
            result |= {"ok": False, "error": f"{manifest.image} {name}: {exc}"}
        results.append(result)
    return results


@image.command()
@click.argument("wanted", metavar="NAME/VERSION/ARCH")
@click.option("--force", is_flag=True, help="Also where a plan of the site file uses it.")
@with_store
def rm(wanted: str, *, force: bool, config: Path | None, folder: Path | None) -> None:
    """Forget an image; `bootlab image gc` frees its space."""
    opened = Opened(config, folder)
    image_name = ImageName.parse(wanted)
    used = opened.usage.images if opened.usage is not None else ()
    users = sorted({plan for plan, name in used if name == image_name})
    if users and not force:
        raise UsageError(
            f"image {image_name} is used by plan {', '.join(users)}; --force removes it all the same"
        )
    opened.store.remove(image_name)
    click.echo(f"removed {wanted}; its files stay until `bootlab image gc`")


@image.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--builds", is_flag=True, help="Also all builds of refos that were not used in the last hour.")
@json_option
@folder_option
@with_options
def gc(
    *,
    dry_run: bool,
    builds: bool,
    as_json: bool,
    folder: Path | None,
    config: Path | None,
    url: str,
    token: str,
    ca: Path | None,
) -> None:
    """Remove the files that no image has, no plan of the site file and none of the running service serves.

    And builds of refos in the cache but the ten used last; they are made again when they are needed.
    """
    opened = Opened(config, folder)
    there = bool(url) or opened.usage is not None
    with connect(config, url, token, ca) if there else nullcontext() as service:
        used = opened.in_use(service, must=bool(url))
    garbage = collect_garbage(opened.store, used, dry_run=dry_run)
    old = prune(lambda text: None, 0 if builds else KEPT, dry_run=dry_run)
    size = garbage.size + sum(size for _, size in old)
    if as_json:
        files, folders = ([{"path": str(p), "size": n} for p, n in found] for found in (garbage.files, old))
        found = {"dry_run": dry_run, "size": size, "files": files, "builds": folders}
        click.echo(json.dumps(found, indent=2))
        return
    for path, _ in [*garbage.files, *old]:
        click.echo(path)
    what = "would be freed" if dry_run else "freed"
    click.echo(f"{len(garbage.files)} files and {len(old)} builds, {size / 1e6:.1f} MB {what}")
