"""A package of another Debian release, unpacked into the lab's cache; the host's own packages stay.

For firmware and loaders that this release has not got: Debian 12 has no iPXE for arm64, Debian 13 has. apt
checks the signatures, with a configuration, lists and a package state of its own.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.cache import cache_dir
from lab.errors import InfrastructureError

IPXE_ARM64 = ("ipxe", "trixie", "usr/lib/ipxe/ipxe-arm64.efi")

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


def _fetch(package: str, release: str, work: Path) -> Path:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise InfrastructureError(f"{package} of {release} cannot be had: {tool} is not here")
    for part in ("state/lists/partial", "cache/archives/partial"):
        (work / part).mkdir(parents=True)
    (work / "status").touch()
    (work / "apt.conf").write_text(_CONFIGURATION.format(folder=work))
    source = f"deb [signed-by={_KEYRING}] {_mirror()} {release} main\n"
    (work / "sources.list").write_text(source)
    _run(["apt-get", "update"], work)
    _run(["apt-get", "download", package], work)
    (archive,) = work.glob("*.deb")
    unpacked = work / "unpacked"
    _run(["dpkg-deb", "--extract", str(archive), str(unpacked)], work)
    return unpacked


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
    except InfrastructureError as error:
        sys.exit(str(error))
