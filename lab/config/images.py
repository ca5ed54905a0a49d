"""Files of plans: a path, or a part of an image: `{image: NAME/VERSION/ARCH, part: kernel}`."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.config import schema
from lab.config.yamlfile import Document, KeyPath, read_yaml
from pxe.assets import ImageName, Store
from pxe.errors import AssetError, PlanError
from pxe.plan import Asset

_FOLDER = "images"
_ROLES = ("kernel", "initrd", "dtb", "loader")  # each is a part's name, too, where the file names none


def store_of(document: Document) -> Store:
    """The catalogue of a site file, relative to its folder; made when the first image is added."""
    folder = document.data.get("images", _FOLDER) if isinstance(document.data, dict) else _FOLDER
    return Store(document.path.absolute().parent / (folder if isinstance(folder, str) else _FOLDER))


@dataclass(frozen=True, slots=True)
class Usage:
    """What a site file says of its catalogue: `images` by plan, and `paths` that plans serve."""

    store: Store
    images: tuple[tuple[str, ImageName], ...]
    paths: tuple[Path, ...]


def read_usage(site_file: Path) -> Usage:
    """Return what a site file says of its catalogue.

    For the commands that mend a catalogue: they must work where the file names an image that is not there
    yet. Raises ConfigError where the file is no YAML.
    """
    document = read_yaml(site_file)
    base = document.path.absolute().parent
    images, paths = [], []
    for where, part in _assets(document.data):
        with contextlib.suppress(KeyError, PlanError, AttributeError):  # no image, or none's name
            images.append((str(where[1]), ImageName.parse(part["image"])))
        if isinstance(part.get("path"), str):
            paths.append(base / part["path"])
    return Usage(store_of(document), tuple(images), tuple(paths))


def check_assets(document: Document) -> None:
    """Note the faults of every file that a plan of the raw document serves: it must be there."""
    store, base = store_of(document), document.path.absolute().parent
    for where, part in _assets(document.data):
        path, image = part.get("path"), part.get("image")
        if (path is None) == (image is None):
            document.fault(where, "write either a path, or an image and its part")
        elif isinstance(path, str) and not (base / path).is_file():
            document.fault((*where, "path"), f"there is no file {path} (seen from the folder of this file)")
        elif isinstance(image, str):
            _check_image(document, where, part, store)


def asset_of(file: schema.AssetFile, role: str, base: Path, store: Store) -> Asset:
    """Return a file of a plan; one of an image comes with the SHA-256 that it is verified against."""
    if file.image is None:
        path = Path(file.path or "")
        return Asset(file.name or path.name, base / path, file.sha256)
    part = store.part(ImageName.parse(file.image), file.part or role)
    return Asset(file.name or part.file, store.blob(part.sha256), part.sha256)


def _check_image(document: Document, where: KeyPath, raw: dict[str, Any], store: Store) -> None:
    name = raw.get("part", where[-1])
    if not isinstance(name, str):
        document.fault(where, f"name the part of image {raw['image']}, like {{image: ..., part: kernel}}")
        return
    try:
        part = store.part(ImageName.parse(raw["image"]), name)
        if not store.blob(part.sha256).is_file():
            raise PlanError(f"the file of part {name} is gone from {store.root}; add the image again")
    except (PlanError, AssetError) as exc:
        document.fault((*where, "image"), str(exc))


def _assets(data: Any) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    plans = data.get("plans") if isinstance(data, dict) else None
    for name, plan in plans.items() if isinstance(plans, dict) else ():
        if not isinstance(plan, dict):
            continue
        parts: list[tuple[KeyPath, Any]] = [(("plans", name, role), plan.get(role)) for role in _ROLES]
        files = plan.get("files")
        if isinstance(files, list):
            parts += [(("plans", name, "files", number), file) for number, file in enumerate(files)]
        yield from ((where, part) for where, part in parts if isinstance(part, dict))
