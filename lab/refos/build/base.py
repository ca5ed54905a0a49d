"""The part of an image that only Debian's packages decide: unpacked, compiled, and kept in the cache."""

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path

from lab.refos.build import recipe
from lab.refos.build.hosttools import HostTools
from lab.refos.build.kernel import Kernel, read_kernel
from lab.refos.build.packages import PackageSet, Tell
from lab.refos.build.pyc import compiled
from lab.refos.build.rootfs import distribution
from lab.refos.build.tree import Tree, file, nodes, write_tar

# Our own files that decide what comes out
_SOURCES = ("base.py", "compile.py", "kernel.py", "pyc.py", "recipe.py", "rootfs.py", "tree.py")
_KERNEL = "kernel"  # in the archive: kernel/RELEASE/image, kernel/RELEASE/NUMBER-module


@dataclass(frozen=True, slots=True)
class Base:
    """Debian's share: `tree` with its Python modules compiled, and the kernel. `key` names its content."""

    key: str
    tree: Tree
    kernel: Kernel


def base(folder: Path, packages: PackageSet, tools: HostTools, tell: Tell) -> Base:
    """Return the base of `packages`, from `folder` where it was made before. Raises InfrastructureError."""
    summed = hashlib.sha256(f"{packages.key} {tools.root.name}".encode())
    for name in _SOURCES:
        summed.update(Path(__file__).with_name(name).read_bytes())
    key = summed.hexdigest()[:16]
    path = folder / f"base-{key}.tar"
    if not path.is_file():
        tell("the kernel and its modules")
        kernel = read_kernel(_kernel_archive(packages), recipe.MODULES)
        tell("files of the packages")
        tree = distribution(packages)
        tell("compiling Python's modules")
        whole = compiled(tree, tools) | _kernel_tree(kernel)
        for old in folder.glob("base-*.tar"):
            old.unlink()
        new = path.with_suffix(".new")
        with new.open("wb") as file:
            write_tar(whole, file)
        new.replace(path)
    with tarfile.open(path, "r|") as archive:
        tree = dict(nodes(archive))
    return Base(key, {p: n for p, n in tree.items() if not p.startswith(_KERNEL)}, _kernel(tree))


def _kernel_archive(packages: PackageSet) -> Path:
    (name,) = (
        p.name for p in packages.packages if p.name.startswith("linux-image-") and p.name[12].isdigit()
    )
    return packages.archive(name)


def _kernel_tree(kernel: Kernel) -> Tree:
    top = f"{_KERNEL}/{kernel.release}"
    tree = {f"{top}/image": file(kernel.image)}
    for number, (name, data) in enumerate(kernel.modules):
        tree[f"{top}/{number:03d}-{name}"] = file(data)
    return tree


def _kernel(tree: Tree) -> Kernel:
    found = [
        (path.split("/"), node.data) for path, node in sorted(tree.items()) if path.startswith(_KERNEL + "/")
    ]
    modules = tuple(
        (words[2].partition("-")[2], data) for words, data in found if words[2:] and "-" in words[2]
    )
    image = next(data for words, data in found if words[2:] == ["image"])
    return Kernel(found[0][0][1], image, modules)
