"""An archive -> images of the catalogue: all of them, or none."""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pxe.assets.archive import BLOCK, Reader, member_name
from pxe.assets.export import files_of
from pxe.assets.manifest import Manifest
from pxe.assets.store import Store, digest, storing
from pxe.assets.watch import Watch, no_watch
from pxe.errors import ChecksumError, PlanError

_CHUNK = 1 << 20


def import_images(
    store: Store, source: Path, *, sha256: str = "", replace: bool = False, watch: Watch = no_watch
) -> list[Manifest]:
    """Add the images of an archive; return their manifests.

    Every file is held against its checksum in the index before any image counts; `sha256` is what the whole
    archive must sum to, "" where nobody told. What vouched for a file where it came in first is kept, and
    said to be from there. Raises ChecksumError where the archive is none, or was changed or cut, PlanError
    where an image exists with other files and `replace` is not set: the catalogue is as it was then.
    """
    with store.adding(), store.scratch() as folder, _opened(source) as file:
        _check_whole(source, sha256)
        reader = Reader(file, str(source))
        found = reader.index()
        _check_known(store, found, replace=replace)
        files = files_of(found)
        progress, total, done = watch(source.name), sum(part.size for part in files.values()), 0
        for name, part in files.items():
            reader.member(member_name(name), part.size)
            for count in _taken(reader, folder / name, part.size, name):
                done += count
                progress(done, total)
        if reader.exactly(2 * BLOCK).strip(b"\0") or file.read(1):
            raise reader.fault("has more in it than its index tells")
        for name in files:
            store.put(folder / name, name)
        manifests = [_told(manifest) for manifest in found]
        for manifest in manifests:
            store.write(manifest, replace=True)
    return manifests


def _taken(reader: Reader, path: Path, size: int, sha256: str) -> Iterator[int]:
    """Write the next file of the archive to `path`; yields bytes as they are done."""
    summed, left = hashlib.sha256(), size
    with storing(path), path.open("wb") as out:
        while left:
            chunk = reader.exactly(min(_CHUNK, left))
            summed.update(chunk)
            out.write(chunk)
            left -= len(chunk)
            yield len(chunk)
    if summed.hexdigest() != sha256:
        raise reader.fault(f"has a file with SHA-256 {summed.hexdigest()}, its index says {sha256}")
    reader.padding(size)


def _check_whole(source: Path, sha256: str) -> None:
    if sha256 and (found := digest(source, "sha256")) != sha256.lower():
        raise ChecksumError(f"{source} has SHA-256 {found}, not {sha256.lower()}; nothing was imported")


def _check_known(store: Store, found: list[Manifest], *, replace: bool) -> None:
    known = {manifest.image: manifest for manifest in store.manifests()}
    for manifest in found:
        here = known.get(manifest.image)
        if here is not None and not replace and here.sums != manifest.sums:
            raise PlanError(
                f"image {manifest.image} exists with other files; --replace puts these in their place"
            )


def _told(manifest: Manifest) -> Manifest:
    """What vouched for a file was seen by another: whoever made the archive says so."""
    parts = {
        name: dataclasses.replace(part, checked=tuple(_once(word) for word in part.checked))
        for name, part in manifest.parts.items()
    }
    return dataclasses.replace(manifest, parts=parts)


def _once(word: str) -> str:
    suffix = " (as the archive says)"
    return word if word.endswith(suffix) else word + suffix


def _opened(source: Path) -> IO[bytes]:
    try:
        return source.open("rb")
    except OSError as exc:
        raise PlanError(f"{source}: {exc.strerror}") from None
