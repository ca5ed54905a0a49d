"""One image from packages to products, kept in the cache under a hash of all that goes into it."""

import fcntl
import gzip
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.cache import cache_dir
from lab.errors import InfrastructureError, UsageError
from lab.refos.build import recipe
from lab.refos.build.base import Base, base
from lab.refos.build.bundle import make_bundle
from lab.refos.build.disk import ext4_image
from lab.refos.build.hosttools import HostTools, check_programs, host_tools
from lab.refos.build.initrd import initrd, netboot_initrd
from lab.refos.build.installer import INSTALLER, installer
from lab.refos.build.keys import SigningKeys, signing_keys
from lab.refos.build.packages import PackageSet, Tell, package_set
from lab.refos.build.prune import prune
from lab.refos.build.pyc import compiled
from lab.refos.build.rootfs import FILES, Identity, own_code, squashfs, texts
from lab.refos.build.tree import Node, Tree

LIMIT = 120_000_000  # bytes that a slot's content may have
_MADE = "made"  # written last
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,59}")
# Our own files that decide what comes out, beside those that go in
_SLOT_ID = "b0071ab0-0000-4000-8000-000000000020"
_SOURCES = (
    *("base.py", "bundle.py", "compile.py", "disk.py", "hosttools.py", "image.py", "initrd.py", "kernel.py"),
    *("pyc.py", "recipe.py", "rootfs.py", "tree.py", "../../smalllinux.py"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to build. `arch` is Debian's word. `keys`: the folder of the authority; None: the lab's own.

    `files` replace or add files of the root file system (path -> node), before compilation.
    """

    arch: str = "arm64"
    version: str
    keys: Path | None = None
    files: Mapping[str, Node] = field(default_factory=dict)
    update: bool = False  # resolve the packages again


@dataclass(frozen=True, slots=True)
class Image:
    """The products of a build, files below `folder`."""

    folder: Path
    identity: Identity

    @property
    def kernel(self) -> Path:
        """What the boot loader loads."""
        return self.folder / "kernel"

    @property
    def initrd(self) -> Path:
        """The initramfs of a slot."""
        return self.folder / "initrd.gz"

    @property
    def netboot(self) -> Path:
        """The initramfs with the root file system in it."""
        return self.folder / "netboot.img"

    @property
    def rootfs(self) -> Path:
        """The root file system, a squashfs."""
        return self.folder / "rootfs.squashfs"

    @property
    def slot(self) -> Path:
        """The content of a slot: kernel, initramfs and root file system."""
        return self.folder / "slot.img"

    @property
    def boot(self) -> Path:
        """The content of BOOT."""
        return self.folder / "boot.img"

    @property
    def environment(self) -> Path:
        """The content of ENV, as an installation begins."""
        return self.folder / "env.img"

    @property
    def bundle(self) -> Path:
        """The update bundle."""
        return self.folder / f"refos-{self.identity.version}-{self.identity.arch}.raucb"


def build(request: Request, tell: Tell = lambda text: None) -> Image:
    """Return the image, built where the cache has none. One builder at a time; others wait.

    Raises UsageError for an architecture that there is none for, InfrastructureError: a program is missing
    (with its package), the mirror is gone, the disk is full.
    """
    if request.arch not in recipe.ARCHES:
        raise UsageError(f"refos is built for {' and '.join(recipe.ARCHES)}, not for {request.arch!r}")
    if not _VERSION.fullmatch(request.version):
        raise UsageError(
            f"{request.version!r} is no version: a letter or digit, then letters, digits, . _ + ~ -"
        )
    check_programs()
    cache = cache_dir() / "refos"
    folder = cache / request.arch
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder, tell):
            return _build(request, cache, folder, tell)
    except OSError as exc:
        raise InfrastructureError(f"{exc.filename or folder}: {exc.strerror}") from exc


@contextmanager
def _alone(folder: Path, tell: Tell) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another build")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def packages(arch: str, tell: Tell = lambda text: None) -> tuple[str, ...]:
    """Return the packages that refos is made of, as `name version`; of some only a part is in the image.

    Raises as `build`.
    """
    folder = cache_dir() / "refos" / arch
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, tell):
        found = _packages(folder, arch, tell, update=False)
    return tuple(f"{package.name} {package.version}" for package in found.packages)


def _packages(folder: Path, arch: str, tell: Tell, *, update: bool) -> PackageSet:
    names = [*recipe.PACKAGES, recipe.KERNEL[arch]]
    return package_set(folder, arch, names, recipe.PRESENT, tell, update=update)


def _build(request: Request, cache: Path, folder: Path, tell: Tell) -> Image:
    packages = _packages(folder, request.arch, tell, update=request.update)
    tools = host_tools(cache, tell, update=request.update)
    keys = signing_keys(request.keys)
    sources = _sources()
    own = own_code() | installer(request.arch) | dict(request.files)
    identity = Identity(request.version, request.arch, _key(packages.key, tools.root.name, sources, own))
    own = texts(identity, keys.keyring.read_bytes()) | own
    image = Image(folder / f"image-{_key(packages.key, tools.root.name, sources, own)}", identity)
    if (image.folder / _MADE).is_file():
        os.utime(image.folder / _MADE)
        return image
    prune(tell)
    foundation = base(folder, packages, tools, tell)
    new = Image(folder / "new", identity)
    shutil.rmtree(new.folder, ignore_errors=True)
    new.folder.mkdir()
    _make(new, foundation, own, tools, keys, tell)
    shutil.rmtree(image.folder, ignore_errors=True)
    new.folder.rename(image.folder)
    return image


def _make(image: Image, foundation: Base, own: Tree, tools: HostTools, keys: SigningKeys, tell: Tell) -> None:
    tell("the root file system")
    tree = foundation.tree | compiled(own, tools)
    squashfs(tree, image.rootfs)
    image.boot.write_bytes(tree[f"{INSTALLER}/boot.img"].data)
    image.environment.write_bytes(tree[f"{INSTALLER}/env.img"].data)
    tell("the initramfs")
    small = initrd(tree["usr/bin/busybox"].data, foundation.kernel)
    image.initrd.write_bytes(small)
    image.kernel.write_bytes(foundation.kernel.image)
    image.netboot.write_bytes(netboot_initrd(small, image.rootfs))
    tell("the slot and the update bundle")
    packed = image.folder / "Image.gz"
    packed.write_bytes(gzip.compress(foundation.kernel.image, 9, mtime=0))
    release = image.folder / "refos-release"
    release.write_text(image.identity.release())
    files = {"boot/Image.gz": packed, "boot/initrd.gz": image.initrd, "rootfs.squashfs": image.rootfs}
    files["etc/refos-release"] = release
    ext4_image(image.slot, files, _SLOT_ID)
    make_bundle(image.bundle, image.slot, image.identity, keys, tools)
    if image.slot.stat().st_size > LIMIT:
        raise InfrastructureError(
            f"{image.slot} has {image.slot.stat().st_size} bytes, a slot {LIMIT} at most"
        )
    (image.folder / _MADE).touch()


def _sources() -> str:
    """A hash of the code that builds; what it writes into the image counts by itself."""
    summed = hashlib.sha256()
    for path in [*(Path(__file__).parent / name for name in _SOURCES), FILES / "init.sh"]:
        summed.update(path.read_bytes())
    return summed.hexdigest()


def _key(packages: str, tools: str, sources: str, own: Tree) -> str:
    summed = hashlib.sha256(f"{packages} {tools} {sources}\n".encode())
    for path, node in sorted(own.items()):
        summed.update(f"{path} {node.mode:o} {len(node.data)}\n".encode() + node.data)
    return summed.hexdigest()[:16]
