"""From packages to a kernel, an initramfs and a squashfs, kept in the cache under a hash of the recipe."""

import fcntl
import gzip
import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from lab.cache import cache_dir
from lab.debian import mirror, run
from lab.errors import InfrastructureError
from lab.refos.build.initrd import cpio
from lab.refos.build.kernel import Kernel, read_kernel
from lab.refos.build.packages import package_set
from lab.refos.build.tree import EPOCH, Tree, file, folder, link
from lab.testing.debianguest import recipe

_FILES = Path(__file__).with_name("files")
_APPLETS = (
    "sh",
    "cat",
    "chmod",
    "chown",
    "echo",
    "insmod",
    "ip",
    "mkdir",
    "mount",
    "sleep",
    "switch_root",
    "udhcpc",
    "wget",
)
_PRESENT = ("initramfs-tools", "kmod", "linux-base", "libc6")
_PROGRAMS = {"mmdebstrap": "mmdebstrap", "mksquashfs": "squashfs-tools"}
_IN_USE = 3600.0  # seconds since the last use


@dataclass(frozen=True, slots=True)
class GuestImage:
    """The guest's parts, files below `folder`."""

    folder: Path

    @property
    def kernel(self) -> Path:
        """What the boot loader loads."""
        return self.folder / "kernel"

    @property
    def initrd(self) -> Path:
        """The initramfs, which fetches the root file system."""
        return self.folder / "initrd.gz"

    @property
    def rootfs(self) -> Path:
        """The root file system, a squashfs."""
        return self.folder / "root.squashfs"


def guest_image(tell: Callable[[str], None] = lambda text: None) -> GuestImage:
    """Return the guest, built at the first call (a minute); others wait meanwhile.

    Raises InfrastructureError: a program is missing (with its package), no mirror, no namespaces.
    """
    top = cache_dir() / "debian-guest"
    top.mkdir(parents=True, exist_ok=True)
    image = GuestImage(top / _key())
    with (top / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.folder.is_dir():
            with tempfile.TemporaryDirectory(dir=top) as made:
                new = GuestImage(Path(made, "guest"))
                new.folder.mkdir()
                _build(new, top, tell)
                for old in top.glob("guest-*"):
                    if time.time() - old.stat().st_mtime > _IN_USE:
                        shutil.rmtree(old)
                new.folder.rename(image.folder)
        os.utime(image.folder)
    return image


def guest_tree(image: GuestImage) -> Path:
    """Return a folder with the files of the root file system, unpacked at the first call.

    Who is not root gets them as files of their own. Raises InfrastructureError.
    """
    tree = image.folder / "tree"
    with (image.folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.is_dir():
            new = image.folder / "tree.new"
            shutil.rmtree(new, ignore_errors=True)
            run(["unsquashfs", "-quiet", "-no-progress", "-dest", str(new), str(image.rootfs)])
            new.rename(tree)
    return tree


def _key() -> str:
    summed = hashlib.sha256()
    for path in (Path(__file__), Path(recipe.__file__), *sorted(_FILES.iterdir())):
        summed.update(path.read_bytes())
    return f"guest-{summed.hexdigest()[:16]}"


def _build(image: GuestImage, top: Path, tell: Callable[[str], None]) -> None:
    if missing := [package for name, package in _PROGRAMS.items() if shutil.which(name) is None]:
        raise InfrastructureError(f"the Debian guest cannot be built: apt-get install {' '.join(missing)}")
    tell("the guest's kernel")
    packages = package_set(top, "amd64", (recipe.KERNEL, "busybox-static"), _PRESENT, tell, update=False)
    (name,) = (p.name for p in packages.packages if p.name.startswith("linux-image-6"))
    kernel = read_kernel(packages.archive(name), recipe.MODULES)
    image.kernel.write_bytes(kernel.image)
    image.initrd.write_bytes(_initrd(kernel, _busybox(packages.archive("busybox-static"))))
    tell("the guest's packages")
    archive = image.folder / "root.tar"
    _bootstrap(archive)
    tell("the guest's root file system")
    _squashfs(archive, image.rootfs)
    archive.unlink()


def _busybox(archive: Path) -> bytes:
    with tempfile.TemporaryDirectory(dir=archive.parent) as unpacked:
        run(["dpkg-deb", "--extract", str(archive), unpacked])
        return Path(unpacked, "bin/busybox").read_bytes()


def _initrd(kernel: Kernel, busybox: bytes) -> bytes:
    tree: Tree = {f"bin/{applet}": link("busybox") for applet in _APPLETS}
    tree |= {name: folder() for name in ("dev", "proc", "sys", "image", "lower", "upper", "root")}
    tree |= {"init": file((_FILES / "init.sh").read_text(), 0o755)}
    tree |= {"lease": file((_FILES / "lease.sh").read_text(), 0o755), "bin/busybox": file(busybox, 0o755)}
    tree["modules/order"] = file("".join(f"{name}\n" for name, _data in kernel.modules))
    tree |= {f"modules/{name}": file(data) for name, data in kernel.modules}
    return gzip.compress(cpio(tree), 6, mtime=0)


def _bootstrap(out: Path) -> None:
    """Let mmdebstrap install the packages. As an ordinary user it needs /etc/subuid, or fakechroot."""
    argv = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(recipe.PACKAGES)}"]
    argv += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in recipe.EXCLUDED]
    argv += [
        f"--customize-hook={recipe.HOOK}",
        '--aptopt=APT::Install-Recommends "false"',
        "--format=tar",
        recipe.RELEASE,
        str(out),
        mirror(),
    ]
    env = {"SOURCE_DATE_EPOCH": str(EPOCH), "TMPDIR": str(out.parent)}
    try:
        run(argv, out.parent, env)
    except InfrastructureError as exc:
        if "chroot mode" not in str(exc):
            raise
        raise InfrastructureError(
            "mmdebstrap cannot make the Debian guest as this user: apt-get install uidmap, and give it a "
            "range in /etc/subuid and /etc/subgid (usermod --add-subuids 100000-165535 NAME), or be root once"
        ) from exc


def _squashfs(source: Path, out: Path) -> None:
    """Write what is wanted of mmdebstrap's tar archive, and ours, as a squashfs."""
    # Not packed hard: an emulated machine reads LZ4 three times as fast as gzip
    argv = [
        "mksquashfs",
        "-",
        str(out),
        "-tar",
        "-noappend",
        "-comp",
        "lz4",
        "-no-xattrs",
        "-no-progress",
        "-quiet",
    ]
    with (
        subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as pack,
        tarfile.open(source, "r|") as members,
    ):
        assert pack.stdin is not None
        with pack.stdin, tarfile.open(fileobj=pack.stdin, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for member in members:
                path = member.name.removeprefix("./").rstrip("/")
                if path and not recipe.unwanted(path):
                    member.name = path
                    tar.addfile(member, members.extractfile(member) if member.isfile() else None)
            _add(tar, recipe.own_files())
        assert pack.stdout is not None
        said = pack.stdout.read().decode(errors="replace").strip()
    if pack.returncode:
        raise InfrastructureError(f"mksquashfs: {said}")


def _add(tar: tarfile.TarFile, tree: Tree) -> None:
    for path, node in tree.items():
        info = tarfile.TarInfo(path)
        info.mode, info.mtime, info.size = stat.S_IMODE(node.mode), EPOCH, len(node.data)
        if stat.S_ISLNK(node.mode):
            info.type, info.linkname, info.size = tarfile.SYMTYPE, node.data.decode(), 0
        elif stat.S_ISDIR(node.mode):
            info.type = tarfile.DIRTYPE
        tar.addfile(info, BytesIO(node.data))
