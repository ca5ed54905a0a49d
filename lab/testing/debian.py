"""A package of another Debian release, unpacked into the lab's cache; the host's own packages stay.

For what cannot be installed: Debian 12 has no iPXE for arm64, Debian 13 has; others start a service. apt
checks the signatures, with a configuration, lists and a package state of its own.
"""

import fnmatch
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from lab.cache import cache_dir
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
# Device trees of Debian 12's arm64 kernel: its metapackage, and those of boards with this chip's maker
PI_3_DEVICE_TREE = ("linux-image-arm64", "bookworm", "usr/lib/linux-image-*/broadcom/bcm2837-rpi-3-b.dtb")

IGNITION = ("ignition", "bookworm", ("usr/lib/dracut/modules.d/30ignition/ignition",))

# What the network installer's kernel, of exactly this version, has not with it
GUEST_MODULES = tuple(
    f"lib/modules/*/{name}.ko" for name in ("netconsole", "configfs", "virtio_blk", "jbd2", "ext4")
)

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SECONDS = 300.0

_CONFIGURATION = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
Acquire::Languages "none";
APT::Sandbox::User "";
"""


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
            _prepare(work, release, arch)
            depends = _run(["apt-cache", "depends", "--important", metapackage], work)
            package = depends.partition("Depends:")[2].split()
            if not package:
                raise InfrastructureError(f"{metapackage} of {release} depends on nothing")
            _take(package[0], (name,), work).rename(folder)
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
            _prepare(work, release, arch)
            _take(package, names, work).rename(folder)
    return sorted(folder.iterdir())


def _take(package: str, names: tuple[str, ...], work: Path) -> Path:
    """Fetch a package; return a folder with those of its files that match."""
    _run(["apt-get", "download", package], work)
    (archive,) = work.glob("*.deb")
    wanted = work / "wanted"
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
    _prepare(work, release)
    _run(["apt-get", "download", package], work)
    (archive,) = work.glob("*.deb")
    unpacked = work / "unpacked"
    _run(["dpkg-deb", "--extract", str(archive), str(unpacked)], work)
    return unpacked


def _prepare(work: Path, release: str, arch: str = "") -> None:
    """Make an apt configuration of its own in `work` and fetch the lists of `release`."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise InfrastructureError(f"packages of {release} cannot be had: {tool} is not here")
    for part in ("state/lists/partial", "cache/archives/partial"):
        (work / part).mkdir(parents=True)
    (work / "status").touch()
    foreign = f'APT::Architecture "{arch}";\nAPT::Architectures {{ "{arch}"; }};\n' if arch else ""
    (work / "apt.conf").write_text(_CONFIGURATION.format(folder=work) + foreign)
    source = f"deb [signed-by={_KEYRING}] {_mirror()} {release} main\n"
    (work / "sources.list").write_text(source)
    _run(["apt-get", "update"], work)


def _mirror() -> str:
    """The mirror of Debian that the host itself uses."""
    form = "$(ORIGIN) $(REPO_URI) $(SUITE)"
    listed = _run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    for line in listed.splitlines():
        origin, _, rest = line.partition(" ")
        uri, _, suite = rest.partition(" ")
        if origin == "Debian" and "-" not in suite:  # not -security, not -updates
            return uri
    raise InfrastructureError("apt on this host knows no mirror of Debian: run apt-get update")


def _run(argv: list[str], work: Path | None = None) -> str:
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    if work is not None:
        env["APT_CONFIG"] = str(work / "apt.conf")
    try:
        done = subprocess.run(
            argv, cwd=work, env=env, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except subprocess.CalledProcessError as exc:
        raise InfrastructureError(
            f"{' '.join(argv[:2])}: {exc.stderr.strip() or exc.stdout.strip()}"
        ) from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise InfrastructureError(f"{' '.join(argv[:2])}: {exc}") from exc
    return done.stdout


if __name__ == "__main__":  # tools/setup: so that the tests need no network
    try:
        file_of(*IPXE_ARM64)
        file_of(*DHCRELAY)
        for part in PROTOC:
            file_of(*part)
        foreign_file_of(*PI_3_DEVICE_TREE)
        from lab.testing.ignition import ignition_initrd  # it imports this module

        ignition_initrd()
    except InfrastructureError as error:
        sys.exit(str(error))
