"""The catalogue on disk. Files under their SHA-256, manifests under their image's name:

blobs/sha256/ab/abcd...      a file, read-only, whole from the moment it is there
manifests/NAME/VERSION/ARCH.json
partial/                     downloads under way, to be resumed
urls/                        what each URL gave last, so that it is not fetched twice
tmp/                         dead after a kill; removed by the garbage collection
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pxe.assets.lock import locked
from pxe.assets.manifest import ImageName, Manifest, Part, read_manifest
from pxe.errors import AssetError, ChecksumError, PlanError

_CHUNK = 1 << 20
Tell = Callable[[int], None]  # is told of bytes as they are done


class Store:
    """One catalogue below `root`. Any number of processes may use it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.partial, self.urls = self.root / "partial", self.root / "urls"
        self.tmp, self.blobs = self.root / "tmp", self.root / "blobs" / "sha256"

    def adding(self) -> AbstractContextManager[None]:
        """Hold while files come in that no manifest names yet: the garbage collection keeps out."""
        return locked(self.root / "gc.lock", shared=True)

    def collecting(self) -> AbstractContextManager[None]:
        """Hold alone. Raises AssetError where images are being added right now."""
        busy = "images are being added right now; collect the garbage when that is done"
        return locked(self.root / "gc.lock", busy=busy)

    def blob(self, sha256: str) -> Path:
        """Where the file of that checksum is, or would be."""
        return self.blobs / sha256[:2] / sha256

    def put(self, source: Path, sha256: str) -> None:
        """Move `source`, a file below our root that was checked, to its place."""
        target = self.blob(sha256)
        with storing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.chmod(0o444)
            _sync(source)
            source.replace(target)
            _sync(target.parent)

    def manifests(self) -> list[Manifest]:
        """All images, by name. Raises AssetError where a manifest cannot be read."""
        found = [self._read(path) for path in (self.root / "manifests").glob("*/*/*.json")]
        return sorted(found, key=lambda manifest: manifest.image)

    def find(self, image: ImageName) -> Manifest:
        """The manifest of `image`. Raises PlanError where there is none."""
        path = self._path(image)
        if not path.is_file():
            known = ", ".join(str(m.image) for m in self.manifests()) or "none"
            raise PlanError(f"there is no image {image} in {self.root}; there are: {known}")
        return self._read(path)

    def part(self, image: ImageName, name: str) -> Part:
        """One file of an image. Raises PlanError where there is none of that name."""
        parts = self.find(image).parts
        if name not in parts:
            raise PlanError(f"image {image} has no part {name!r}; it has {', '.join(parts)}")
        return parts[name]

    def write(self, manifest: Manifest, *, replace: bool) -> None:
        """Make an image count. Raises PlanError where one of the same name exists with other parts and
        `replace` is not set."""
        path = self._path(manifest.image)
        with locked(self.root / "manifests.lock"):
            if path.is_file() and not replace and self._read(path).sums != manifest.sums:
                raise PlanError(
                    f"image {manifest.image} exists with other files; --replace puts these in their place"
                )
            with storing(path), self.scratch() as folder:
                text = json.dumps(manifest.to_json(), indent=2) + "\n"
                new = folder / "manifest"
                new.write_text(text, encoding="utf-8")
                _sync(new)
                path.parent.mkdir(parents=True, exist_ok=True)
                new.replace(path)
                _sync(path.parent)

    def remove(self, image: ImageName) -> None:
        """Forget an image; its files go with the next garbage collection. Raises PlanError: there is none."""
        with locked(self.root / "manifests.lock"):
            self.find(image)
            path = self._path(image)
            with storing(path):
                path.unlink()
                for folder in (path.parent, path.parent.parent):
                    with contextlib.suppress(OSError):  # another version or architecture is in it
                        folder.rmdir()

    def verify(self, part: Part, tell: Tell = lambda count: None) -> None:
        """Read a file again. Raises ChecksumError where it is not what came in once, or gone."""
        path = self.blob(part.sha256)
        try:
            found = digest(path, "sha256", tell)
        except AssetError as exc:
            raise ChecksumError(f"{exc}; add the image again") from None
        if found != part.sha256:
            raise ChecksumError(f"{path}: its content has SHA-256 {found}; remove it and add the image again")

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for the length of the block, on the file system of the blobs."""
        with storing(self.tmp):
            self.tmp.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self.tmp))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _path(self, image: ImageName) -> Path:
        return self.root / "manifests" / image.name / image.version / f"{image.arch}.json"

    def _read(self, path: Path) -> Manifest:
        try:
            return read_manifest(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as exc:
            raise AssetError(f"{path}: {exc}") from None


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn what the disk says no to into one sentence about `path`."""
    try:
        yield
    except OSError as exc:
        raise AssetError(f"{path}: {exc.strerror or exc}") from None


def digest(path: Path, algorithm: str, tell: Tell = lambda count: None) -> str:
    """Return the checksum of a file in hexadecimal. Raises AssetError where it cannot be read."""
    summed = hashlib.new(algorithm)
    with storing(path), path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            summed.update(chunk)
            tell(len(chunk))
    return summed.hexdigest()


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
