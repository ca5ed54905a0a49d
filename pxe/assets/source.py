"""Where a file comes from: a URL (with the catalogue's memory of it), a path, or a package.

`fetch` yields a file that lies below the catalogue's root and may be moved from there once it was checked.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from pxe.assets.download import Validator, download, forget, partial_note
from pxe.assets.follow import Follower
from pxe.assets.lock import locked
from pxe.assets.packages import PackageFiles
from pxe.assets.signature import DetachedCheck
from pxe.assets.store import Store, digest, storing
from pxe.assets.watch import Progress, Watch
from pxe.errors import AssetError, ChecksumError, PlanError

_SMALL = 16 << 20  # bytes; no list of checksums and no signature is as long


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that came. `size` in bytes; `file` is its name upstream. `signed`: its signature, where that was
    held against it on the way; else nobody has checked it yet."""

    path: Path
    file: str
    sha256: str
    size: int
    signed: DetachedCheck | None = None


def is_url(source: str) -> bool:
    """Whether `source` is fetched over HTTP. Raises PlanError for schemes that we do not speak."""
    if "://" in source and not source.startswith(("http://", "https://")):
        raise PlanError(f"{source}: write a path, or a URL that begins with http:// or https://")
    return "://" in source


class Fetcher:
    """Brings files below `store`'s root; `folder` is for those that need no memory. `client` speaks HTTP."""

    def __init__(
        self, store: Store, folder: Path, client: httpx.Client, watch: Watch, package: PackageFiles | None
    ) -> None:
        self._store, self._folder, self._client, self._watch = store, folder, client, watch
        self._package = package
        self._count = 0

    @contextmanager
    def fetch(
        self, source: str, label: str, signed: Callable[[], DetachedCheck] | None = None
    ) -> Iterator[Fetched]:
        """Yield what `source` gives; `signed` makes what may hold a signature against it.

        Where the block ends well it may have moved the file away; a ChecksumError in it throws the file away.
        Raises PlanError or AssetError, one sentence.
        """
        if self._package is not None:
            yield self._copied(self._package.find(source), label)
        elif is_url(source):
            with self._cached(source, label, signed) as fetched:
                yield fetched
        else:
            yield self._copied(Path(source), label)

    def small(self, source: str) -> Path:
        """Fetch a list of checksums or a signature; never from the package, never from memory."""
        path = self._scratch(_file_name(source))
        if is_url(source):
            download(self._client, source, path, self._watch(path.name))
        else:
            with _reading(source):
                shutil.copyfile(source, path)
        if path.stat().st_size > _SMALL:
            raise AssetError(f"{source}: {path.stat().st_size} bytes; that is no list and no signature")
        return path

    def _copied(self, source: Path, label: str) -> Fetched:
        path = self._scratch(source.name)
        with _reading(str(source)):
            if not source.is_file():
                raise PlanError(f"{source}: {'not a file' if source.exists() else 'no such file'}")
        with storing(path):
            shutil.copyfile(source, path)
        size = path.stat().st_size
        self._watch(label)(size, size)
        return Fetched(path, source.name, digest(path, "sha256"), size)

    def _scratch(self, name: str) -> Path:
        """A new file in a folder of its own: two sources may have one name."""
        self._count += 1
        folder = self._folder / str(self._count)
        with storing(folder):
            folder.mkdir()
        return folder / name

    @contextmanager
    def _cached(self, url: str, label: str, signed: Callable[[], DetachedCheck] | None) -> Iterator[Fetched]:
        key = hashlib.sha256(url.encode()).hexdigest()
        partial, memory = self._store.partial / key, self._store.urls / f"{key}.json"
        with locked(self._store.partial / f"{key}.lock"), Follower(partial, signed) as follower:
            known, sha256 = self._remembered(memory, url)
            got = download(self._client, url, partial, _both(follower.told, self._watch(label)), known)
            if got is None:
                path = self._store.blob(sha256)
                size = path.stat().st_size
                self._watch(label)(size, size)
                if digest(path, "sha256") != sha256:
                    path.unlink()
                    raise ChecksumError(
                        f"{path}: damaged since it came in, removed; the same command fetches it anew"
                    )
                yield Fetched(path, _file_name(url), sha256, size)
                return
            size = partial.stat().st_size
            sha256 = follower.sha256(size)
            try:
                yield Fetched(partial, _file_name(url), sha256, size, follower.check)
            except ChecksumError:
                forget(partial)
                raise
            _remember(memory, url, got, sha256)
            partial_note(partial).unlink(missing_ok=True)

    def _remembered(self, memory: Path, url: str) -> tuple[Validator | None, str]:
        """What this URL gave last, where we still have it."""
        try:
            raw: Any = json.loads(memory.read_text())
            if raw["url"] == url and self._store.blob(raw["sha256"]).is_file():
                return Validator(str(raw["etag"]), str(raw["modified"])), raw["sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # never fetched, or forgotten: it is fetched then
        return None, ""


def _both(told: Callable[[int], None], progress: Progress) -> Progress:
    def tell(done: int, total: int | None) -> None:
        told(done)
        progress(done, total)

    return tell


def _remember(memory: Path, url: str, validator: Validator, sha256: str) -> None:
    if not validator.conditions:
        return
    raw = {"url": url, "etag": validator.etag, "modified": validator.modified, "sha256": sha256}
    with storing(memory):
        memory.parent.mkdir(parents=True, exist_ok=True)
        new = memory.with_suffix(".new")
        new.write_text(json.dumps(raw))
        new.replace(memory)


def _file_name(source: str) -> str:
    try:
        path = httpx.URL(source).path if is_url(source) else source
    except httpx.InvalidURL as exc:
        raise PlanError(f"{source}: {exc}; write a URL like https://example.org/linux") from None
    return Path(path).name or "file"


@contextmanager
def _reading(source: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise PlanError(f"{source}: {exc.strerror}") from None
