"""A file tree in memory, on its way from packages into a squashfs or a cpio archive.

Everything belongs to root and has one time: two trees of the same content make the same bytes.
"""

import io
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InfrastructureError

EPOCH = 1_672_531_200  # 2023-01-01, UTC: the time of every file; a clock that is before it is wrong
# Debian's packages still have files in both; the system has links in their place
_MERGED = ("bin", "sbin", "lib", "lib64")


@dataclass(frozen=True, slots=True)
class Node:
    """A file of a tree. `mode` with its type, as in stat(2); `data` is a link's target."""

    mode: int
    data: bytes = b""


Tree = dict[str, Node]  # by path, without a leading slash


def file(data: bytes | str, mode: int = 0o644) -> Node:
    """A regular file."""
    return Node(stat.S_IFREG | mode, data.encode() if isinstance(data, str) else data)


def link(target: str) -> Node:
    """A symbolic link."""
    return Node(stat.S_IFLNK | 0o777, target.encode())


def folder(mode: int = 0o755) -> Node:
    """A folder."""
    return Node(stat.S_IFDIR | mode)


def package_files(archive: Path, wanted: Callable[[str], bool]) -> Tree:
    """Return the files and links of a Debian package that are `wanted`, below /usr where Debian's are merged.

    Raises InfrastructureError where the archive is damaged.
    """
    found: Tree = {}
    argv = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as unpack:
        assert unpack.stderr is not None
        try:
            with tarfile.open(fileobj=unpack.stdout, mode="r|") as members:
                for path, node in nodes(members):
                    if wanted(path):
                        found[merged(path)] = node
        except tarfile.TarError as exc:
            said = unpack.stderr.read().decode(errors="replace").strip()
            raise InfrastructureError(f"{archive}: {said or exc}; remove it and build again") from exc
    return found


def nodes(members: tarfile.TarFile) -> Iterator[tuple[str, Node]]:
    """Yield the files and links of a tar archive; folders come of themselves."""
    for member in members:
        path = member.name.removeprefix("./").rstrip("/")
        if member.isfile():
            content = members.extractfile(member)
            assert content is not None
            yield path, file(content.read(), member.mode & 0o777)  # no setuid: nobody logs in here
        elif member.issym():
            yield path, link(member.linkname)
        elif member.islnk():
            yield path, link("/" + merged(member.linkname.removeprefix("./")))


def merged(path: str) -> str:
    """The path below /usr of what a package has in /bin, /sbin or /lib."""
    top, slash, rest = path.partition("/")
    return f"usr/{path}" if slash and top in _MERGED and rest else path


def with_folders(tree: Tree) -> Tree:
    """The same with every folder that is implied, in the order of the paths."""
    whole = dict(tree)
    for path in tree:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            whole.setdefault("/".join(parts[:depth]), folder())
    return dict(sorted(whole.items()))


def write_tar(tree: Tree, out: io.BufferedIOBase) -> None:
    """Write a tar archive of `tree` with all its folders."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        for path, node in with_folders(tree).items():
            info = tarfile.TarInfo(path)
            info.mode, info.mtime = stat.S_IMODE(node.mode), EPOCH
            if stat.S_ISLNK(node.mode):
                info.type, info.linkname = tarfile.SYMTYPE, node.data.decode()
            elif stat.S_ISDIR(node.mode):
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(node.data)
            archive.addfile(info, io.BytesIO(node.data) if stat.S_ISREG(node.mode) else None)
