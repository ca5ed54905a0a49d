"""Files out of packages of this host's distribution (Debian's apt and dpkg), foreign architectures included,
without touching the system: a configuration, package lists and a cache of their own, `dpkg-deb -x`.

apt checks its own chain: the archive's signed Release file, its lists, the package's SHA-256.
"""

import difflib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pxe.assets.store import storing
from pxe.errors import AssetError, PlanError
from pxe.plan import Arch

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_DEBIAN = {
    Arch.X86: "i386",
    Arch.X86_64: "amd64",
    Arch.ARM: "armhf",
    Arch.ARM64: "arm64",
    Arch.RISCV64: "riscv64",
}
_TIMEOUT = 1800.0


@dataclass(frozen=True, slots=True)
class PackageFiles:
    """The files of a package: all below `root`; `checked` says what vouches for them."""

    name: str
    version: str
    root: Path
    files: tuple[str, ...]  # relative to root
    checked: str

    def find(self, name: str) -> Path:
        """Return the file `name`. Raises PlanError where the package has none, with what is near."""
        wanted = name.lstrip("/")
        if wanted not in self.files:
            near = difflib.get_close_matches(wanted, self.files, 3, 0.3) or list(self.files[:3])
            raise PlanError(
                f"{self.name} has no file {name}; it has, among {len(self.files)}: {', '.join(near)}"
            )
        path = (self.root / wanted).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise PlanError(
                f"{self.name}: {name} is a link that leads out of the package; name the file itself"
            )
        return path


def package_files(package: str, arch: str, cache: Path, folder: Path) -> PackageFiles:
    """Return the files of a package: as it is installed here, else downloaded and unpacked below `folder`.

    `cache` keeps apt's lists between calls, and is held by one process at a time. Raises PlanError where
    there is no such package, AssetError where apt or dpkg fail. A file of an installed package that
    was changed since is as good as none.
    """
    if not _PACKAGE.fullmatch(package):
        raise PlanError(f"{package!r} is no name of a Debian package")
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise AssetError(f"{tool} is not on this host: packages need Debian or one of its children")
    architecture = _DEBIAN[Arch(arch)]
    return _installed(package, architecture, folder) or _downloaded(package, architecture, cache, folder)


def _installed(package: str, architecture: str, folder: Path) -> PackageFiles | None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Architecture} ${Version}\n", package]
    found = subprocess.run(query, env=environment, capture_output=True, text=True, check=False).stdout.split()
    if len(found) != 3 or found[0] != "installed" or found[1] not in (architecture, "all"):
        return None
    listed = _run(["dpkg-query", "-L", package], environment, folder).splitlines()
    changed = subprocess.run(
        ["dpkg", "--verify", package], env=environment, capture_output=True, text=True, check=False
    )
    damaged = {line.split()[-1] for line in changed.stdout.splitlines() if line.strip()}
    files = tuple(name.lstrip("/") for name in listed if name not in damaged and os.path.isfile(name))
    return PackageFiles(package, found[2], Path("/"), files, "installed package, MD5 by dpkg")


def _downloaded(package: str, architecture: str, cache: Path, folder: Path) -> PackageFiles:
    environment = _private_apt(architecture, cache)
    if not _known(package, environment):
        _run(["apt-get", "-qq", "update"], environment, folder)
        if not _known(package, environment):
            raise PlanError(f"there is no package {package!r} for {architecture} in this host's sources")
    try:
        _run(["apt-get", "-qq", "download", package], environment, folder)
    except AssetError:  # lists that are out of date name a package that the archive no longer has
        _run(["apt-get", "-qq", "update"], environment, folder)
        _run(["apt-get", "-qq", "download", package], environment, folder)
    archive, root = next(folder.glob("*.deb")), folder / "root"
    _run(["dpkg-deb", "-x", str(archive), str(root)], environment, folder)
    version = _run(["dpkg-deb", "-f", str(archive), "Version"], environment, folder).strip()
    archive.unlink()
    files = tuple(str(path.relative_to(root)) for path in sorted(root.rglob("*")) if path.is_file())
    return PackageFiles(package, version, root, files, "apt")


def _private_apt(architecture: str, cache: Path) -> dict[str, str]:
    """An environment in which apt-get uses this host's sources and keys, and nothing else of it."""
    base = cache / architecture
    text = (
        f'APT::Architecture "{architecture}";\nAPT::Architectures {{ "{architecture}"; }};\n'
        f'Dir::State "{base}/state";\nDir::State::status "{base}/status";\nDir::Cache "{base}/cache";\n'
        'APT::Get::AllowUnauthenticated "false";\nAPT::Sandbox::User "root";\nDebug::NoLocking "true";\n'
        'Acquire::Languages "none";\nAcquire::Retries "3";\n'
    )
    with storing(base):
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        (base / "status").touch()
        (base / "apt.conf").write_text(text)
    return {
        **os.environ,
        "APT_CONFIG": str(base / "apt.conf"),
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def _known(package: str, environment: dict[str, str]) -> bool:
    argv = ["apt-cache", "show", "--no-all-versions", package]
    return subprocess.run(argv, env=environment, capture_output=True, check=False).returncode == 0


def _run(argv: list[str], environment: dict[str, str], folder: Path) -> str:
    try:
        done = subprocess.run(
            argv,
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise AssetError(f"{' '.join(argv[:3])}: did not end within {_TIMEOUT:.0f} s") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        reason = " ".join(said or done.stderr.splitlines()[-1:]) or f"exit code {done.returncode}"
        raise AssetError(f"{' '.join(argv)}: {reason}")
    return done.stdout
