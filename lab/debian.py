"""apt with a configuration, lists and a package state of its own: packages of another release or architecture
than the host's, from the host's mirror, while the host's own packages stay. apt checks the signatures.
"""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.errors import InfrastructureError

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SECONDS = 1200.0

_CONFIGURATION = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Install-Recommends "false";
APT::Sandbox::User "";
"""

# For dpkg's status file: apt takes such a package for installed, in a version that satisfies everybody
_PRESENT = """\
Package: {name}
Status: install ok installed
Architecture: {arch}
Multi-Arch: foreign
Version: 999:1
Maintainer: bootlab
Description: not needed

"""


class PrivateApt:
    """apt in `folder`, for `release` (a codename) and `arch` (Debian's word; empty: the host's own).

    `present` are packages that count as installed, so that nothing brings them along.
    """

    def __init__(self, folder: Path, release: str, arch: str = "", present: Iterable[str] = ()) -> None:
        self.folder, self.release, self.arch = folder, release, arch
        self._present = tuple(present)

    @property
    def archives(self) -> Path:
        """Where downloaded packages lie."""
        return self.folder / "cache/archives"

    def prepare(self) -> None:
        """Write the configuration. Raises InfrastructureError: no apt here, no mirror known."""
        for tool in ("apt-get", "dpkg-deb"):
            if shutil.which(tool) is None:
                raise InfrastructureError(f"packages of {self.release} cannot be had: {tool} is not here")
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        arch = self.arch or run(["dpkg", "--print-architecture"]).strip()
        status = "".join(_PRESENT.format(name=name, arch=arch) for name in self._present)
        (self.folder / "status").write_text(status)
        architecture = f'APT::Architecture "{arch}";\nAPT::Architectures {{ "{arch}"; }};\n'
        (self.folder / "apt.conf").write_text(_CONFIGURATION.format(folder=self.folder) + architecture)
        source = f"deb [signed-by={_KEYRING}] {mirror()} {self.release} main\n"
        (self.folder / "sources.list").write_text(source)

    def update(self) -> None:
        """Fetch the lists. Raises InfrastructureError: no network, no such release."""
        self.run(["apt-get", "update", "--error-on=any"])

    def run(self, argv: Sequence[str]) -> str:
        """Return what an apt command prints. Raises InfrastructureError with what it complained of."""
        return run(argv, self.folder, {"APT_CONFIG": str(self.folder / "apt.conf")})


def mirror() -> str:
    """The mirror of Debian that the host itself uses. Raises InfrastructureError where apt knows none."""
    form = "$(ORIGIN) $(REPO_URI) $(SUITE)"
    listed = run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"])
    for line in listed.splitlines():
        origin, _, rest = line.partition(" ")
        uri, _, suite = rest.partition(" ")
        if origin == "Debian" and "-" not in suite:  # not -security, not -updates
            return uri
    raise InfrastructureError("apt on this host knows no mirror of Debian: run apt-get update")


def run(argv: Sequence[str], folder: Path | None = None, more: dict[str, str] | None = None) -> str:
    """Run a command in `folder` with a clean environment plus `more`; return what it prints.

    Raises InfrastructureError with its complaint.
    """
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", **(more or {})}
    try:
        done = subprocess.run(
            argv, cwd=folder, env=env, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except subprocess.CalledProcessError as exc:
        said = exc.stderr.strip() or exc.stdout.strip() or f"exit code {exc.returncode}"
        errors = [line for line in said.splitlines() if line.startswith("E: ")]  # apt's, the cause first
        said = errors[0].removeprefix("E: ") if errors else said
        raise InfrastructureError(f"{' '.join(argv[:2])}: {said}") from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise InfrastructureError(f"{' '.join(argv[:2])}: {exc}") from exc
    return done.stdout
