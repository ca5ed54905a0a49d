"""A package of another Debian release, unpacked into the lab's cache; the host's own packages stay.

For what cannot be installed: Debian 12 has no iPXE for arm64, Debian 13 has; others start a service. apt
checks the signatures, with a configuration, lists and a package state of its own.
"""

import fnmatch
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from lab.cache import cache_dir
from lab.debian import PrivateApt, run
from lab.errors import InfrastructureError

IPXE_ARM64 = ("ipxe", "trixie", "usr/lib/ipxe/ipxe-arm64.efi")
# Its package starts a service, so it is not installed
DHCRELAY = ("isc-dhcp-relay", "bookworm", "usr/sbin/dhcrelay")
# protoc with what it needs: tools/proto, and no user
PROTOC = (
    ("protobuf-compiler", "bookworm", "usr/bin/protoc"),
    ("libprotobuf-dev", "bookworm", "usr/include/google/protobuf/any.proto"),
    ("libprotoc32", "bookworm", "usr/share/doc/libprotoc32/copyright"),
    ("libprotobuf32", "bookworm", "usr/share/doc/libprotobuf32/copyright"),
)
# What reads and writes U-Boot's environment on a node
FW_PRINTENV = ("libubootenv-tool", "bookworm", "usr/bin/fw_printenv")
LIBUBOOTENV = ("libubootenv0.1", "bookworm", "usr/share/doc/libubootenv0.1/copyright")
# Device trees of Debian 12's arm64 kernel: its metapackage, and those of boards with this chip's maker
PI_3_DEVICE_TREE = ("linux-image-arm64", "bookworm", "usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb")

# Its package starts a service, so it is not installed
POSTGRES = ("postgresql-15", "bookworm", "usr/lib/postgresql/15/bin/postgres")

# Chrome OS' program for the slots in a GPT; its package would bring flashrom along
CGPT = ("cgpt", "bookworm", "usr/bin/cgpt")

# A client of container registries; its package would bring those that run containers along
SKOPEO = ("skopeo", "bookworm", "usr/bin/skopeo")
LIBGPGME = ("libgpgme11", "bookworm", "usr/share/doc/libgpgme11/copyright")

IGNITION = ("ignition", "bookworm", ("usr/lib/dracut/modules.d/30ignition/ignition",))

# What the network installer's kernel, of exactly this version, has not with it
GUEST_MODULES = tuple(
    f"lib/modules/*/{name}.ko" for name in ("netconsole", "configfs", "virtio_blk", "jbd2", "ext4")
)


def file_of(package: str, release: str, name: str) -> Path:
    """Return a file of a package of `release`; fetched at the first call, from the host's own mirror.

    Raises InfrastructureError: no apt here, no network, no such package or file.
    """
    folder = cache_dir() / "packages" / f"{package}-{release}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            unpacked = _fetch(package, release, Path(work))
            unpacked.rename(folder)
    path = folder / name
    if not path.is_file():
        raise InfrastructureError(f"{package} of {release} has no {name}")
    return path


def foreign_file_of(metapackage: str, release: str, name: str, arch: str = "arm64") -> Path:
    """Return the file that matches `name` (a glob) in the package of `arch` on which `metapackage` depends.

    Only what matches is unpacked: of a kernel's 400 MB, one device tree. Raises InfrastructureError as
    `file_of` does.
    """
    folder = cache_dir() / "packages" / f"{metapackage}-{release}-{name.rpartition('/')[2]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            work = Path(made)
            apt = _apt(work, release, arch)
            depends = apt.run(["apt-cache", "depends", "--important", metapackage])
            package = depends.partition("Depends:")[2].split()
            if not package:
                raise InfrastructureError(f"{metapackage} of {release} depends on nothing")
            _take(package[0], (name,), apt).rename(folder)
    found = [path for path in folder.iterdir() if path.is_file()]
    if not found:
        raise InfrastructureError(f"{metapackage} of {release} has no {name}")
    return found[0]


def foreign_files_of(package: str, release: str, names: tuple[str, ...], arch: str = "arm64") -> list[Path]:
    """Return the files of exactly this package of `arch` that match any of `names` (globs).

    Raises InfrastructureError as `file_of` does.
    """
    folder = cache_dir() / "packages" / "-".join((package, release, *(n.rpartition("/")[2] for n in names)))
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            work = Path(made)
            _take(package, names, _apt(work, release, arch)).rename(folder)
    return sorted(folder.iterdir())


def _take(package: str, names: tuple[str, ...], apt: PrivateApt) -> Path:
    """Fetch a package; return a folder with those of its files that match."""
    apt.run(["apt-get", "download", package])
    (archive,) = apt.folder.glob("*.deb")
    wanted = apt.folder / "wanted"
    wanted.mkdir()
    _extract(archive, names, wanted)
    return wanted


def _extract(archive: Path, names: tuple[str, ...], into: Path) -> None:
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as tar,
        tarfile.open(fileobj=tar.stdout, mode="r|") as members,
    ):
        for member in members:
            path = member.name.removeprefix("./")
            if member.isfile() and any(fnmatch.fnmatch(path, name) for name in names):
                content = members.extractfile(member)
                assert content is not None
                (into / Path(member.name).name).write_bytes(content.read())


def _fetch(package: str, release: str, work: Path) -> Path:
    _apt(work, release).run(["apt-get", "download", package])
    (archive,) = work.glob("*.deb")
    unpacked = work / "unpacked"
    run(["dpkg-deb", "--extract", str(archive), str(unpacked)], work)
    return unpacked


def _apt(work: Path, release: str, arch: str = "") -> PrivateApt:
    """apt with the lists of `release`, in `work`."""
    apt = PrivateApt(work, release, arch)
    apt.prepare()
    apt.update()
    return apt


if __name__ == "__main__":  # tools/setup: so that the tests need no network
    try:
        file_of(*IPXE_ARM64)
        file_of(*DHCRELAY)
        file_of(*FW_PRINTENV)
        file_of(*LIBUBOOTENV)
        file_of(*POSTGRES)
        file_of(*CGPT)
        file_of(*SKOPEO)
        file_of(*LIBGPGME)
        for part in PROTOC:
            file_of(*part)
        foreign_file_of(*PI_3_DEVICE_TREE)
        from lab.testing.ignition import ignition_initrd  # it imports this module

        ignition_initrd()
        from lab.testing.debianguest.build import guest_image

        guest_image()
    except InfrastructureError as error:
        sys.exit(str(error))
