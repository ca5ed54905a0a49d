"""The packages of an image: resolved once by apt, downloaded, and kept with their versions and SHA-256.

A package set is resolved again only when it is asked for, so an image that was built once can be built again
without a network, from the same versions.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.debian import PrivateApt
from lab.errors import InfrastructureError

RELEASE = "bookworm"
# One line of `apt-get --simulate install` for each package; the architecture is that of the archive's name
_INSTALL = re.compile(r"^Inst (?P<name>\S+) \((?P<version>\S+) .*\[(?P<arch>\w+)\]\)", re.M)
_URI = re.compile(r"^'\S+' \S+ (?P<size>\d+) ", re.M)  # of --print-uris: only what is still to be fetched

Tell = Callable[[str], None]  # is told what is being done, in words


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a set; `file` is its name among the archives, `sha256` of the archive."""

    name: str
    version: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PackageSet:
    """Packages whose archives lie in `folder`."""

    folder: Path
    packages: tuple[Package, ...]

    @property
    def key(self) -> str:
        """Changes with the content of any package."""
        return hashlib.sha256("".join(p.sha256 for p in self.packages).encode()).hexdigest()

    def archives(self) -> list[Path]:
        """The archives, in the order of their names."""
        return [self.folder / package.file for package in self.packages]

    def archive(self, name: str) -> Path:
        """The archive of a package. Raises KeyError where the set has none of that name."""
        return {package.name: self.folder / package.file for package in self.packages}[name]


def package_set(
    folder: Path, arch: str, names: Sequence[str], present: Sequence[str], tell: Tell, *, update: bool
) -> PackageSet:
    """Return `names` and what they depend on, for `arch` (Debian's word), downloaded into `folder`.

    What was resolved before for the same names is taken as it is, unless `update`. One process at a time.
    Raises InfrastructureError: no apt, no network, no such package.
    """
    lock = folder / "packages.json"
    wanted: dict[str, object] = {
        "release": RELEASE,
        "arch": arch,
        "names": sorted(names),
        "present": sorted(present),
    }
    apt = PrivateApt(folder, RELEASE, arch, present)
    if not update and (kept := _kept(lock, wanted, apt.archives)) is not None:
        return PackageSet(apt.archives, kept)
    try:
        packages = _resolve(apt, names, tell)
    except InfrastructureError as exc:
        raise InfrastructureError(f"the packages of refos for {arch} cannot be had: {exc}") from exc
    text = json.dumps({"wanted": wanted, "packages": [asdict(package) for package in packages]}, indent=1)
    new = lock.with_suffix(".new")
    new.write_text(text)
    new.replace(lock)
    return PackageSet(apt.archives, packages)


def _kept(lock: Path, wanted: dict[str, object], archives: Path) -> tuple[Package, ...] | None:
    """What was resolved for exactly this, where all of it is still there."""
    try:
        kept = json.loads(lock.read_text())
    except (OSError, ValueError):
        return None
    if kept["wanted"] != wanted:
        return None
    packages = tuple(Package(**fields) for fields in kept["packages"])
    return packages if all((archives / package.file).is_file() for package in packages) else None


def _resolve(apt: PrivateApt, names: Sequence[str], tell: Tell) -> tuple[Package, ...]:
    apt.prepare()
    tell("lists of packages")
    apt.update()
    install = ["apt-get", "install", "--yes", *names]
    found = list(_INSTALL.finditer(apt.run([*install, "--simulate"])))
    missing = sum(int(match["size"]) for match in _URI.finditer(apt.run([*install, "--print-uris"])))
    tell(f"{len(found)} packages, {missing / 1e6:.0f} MB to fetch")
    apt.run([*install, "--download-only"])
    packages = [_package(apt.archives, *match.group("name", "version", "arch")) for match in found]
    return tuple(sorted(packages, key=lambda package: package.name))


def _package(archives: Path, name: str, version: str, arch: str) -> Package:
    file = f"{name}_{version.replace(':', '%3a')}_{arch}.deb"
    with (archives / file).open("rb") as archive:
        return Package(name, version, file, hashlib.file_digest(archive, "sha256").hexdigest())
