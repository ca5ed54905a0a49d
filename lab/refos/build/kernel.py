"""Debian's kernel: its image for the boot loader, and the few modules that refos loads, in their order."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.debian import run
from lab.errors import InfrastructureError
from lab.refos.build import recipe

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_MODULES = "lib/modules"


@dataclass(frozen=True, slots=True)
class Kernel:
    """`image` unpacks itself, or is not packed; `modules` (file name, content) in the order to load them."""

    release: str  # as `uname -r` says it
    image: bytes
    modules: tuple[tuple[str, bytes], ...]


def read_kernel(archive: Path, wanted: Sequence[str]) -> Kernel:
    """Return the kernel of a Debian package (`archive`), with the modules `wanted`.

    Raises InfrastructureError where it has no such module.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        run(["dpkg-deb", "--extract", str(archive), folder])
        (image,) = Path(folder, "boot").glob("vmlinuz-*")
        release = image.name.partition("-")[2]
        modules = _modules(Path(folder, _MODULES, release), wanted)
        data = image.read_bytes()
    return Kernel(release, data, modules)


def _modules(folder: Path, wanted: Sequence[str]) -> tuple[tuple[str, bytes], ...]:
    files = {_name(path.name): path for path in folder.rglob("*.ko")}
    builtin = {_name(line) for line in (folder / "modules.builtin").read_text().split()}
    order: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in order or name in builtin or (name in recipe.OF_ONE_ARCH and name not in files):
            return
        if name not in files:
            raise InfrastructureError(f"{folder.name}: the kernel has no module {name}")
        data = files[name].read_bytes()
        found = _DEPENDS.search(data)
        for dependency in filter(None, found[1].decode().split(",") if found else ()):
            add(_name(dependency))
        order[name] = data

    for name in wanted:
        add(_name(name))
    return tuple((f"{name}.ko", data) for name, data in order.items())


def _name(word: str) -> str:
    """A module's name as the kernel has it: files say virtio-rng.ko where it says virtio_rng."""
    return word.rpartition("/")[2].removesuffix(".ko").replace("-", "_")
