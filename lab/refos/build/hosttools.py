"""Programs that make images and are not installed: RAUC, whose package wants systemd's units, and the image's
version of Python. Debian's packages for this host, unpacked into the cache and run from there.
"""

import fcntl
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.debian import run
from lab.errors import InfrastructureError
from lab.refos.build.packages import Tell, package_set

_PACKAGES = ("python3.11-minimal", "libpython3.11-minimal", "rauc")
# There on every Debian, or not used when a bundle is made
_PRESENT = ("libc6", "systemd", "dbus", "debconf", "media-types", "perl", "perl-base", "dpkg")


@dataclass(frozen=True, slots=True)
class HostTools:
    """Programs below `root`, with the libraries that came with them."""

    root: Path

    def _environment(self) -> dict[str, str]:
        libraries = sorted({str(p.parent) for p in self.root.rglob("lib*.so.*")})
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": ":".join(libraries), "TZ": "UTC"}

    def python(self, script: Path) -> tuple[list[str], dict[str, str]]:
        """Arguments and environment that run `script` with the image's version of Python."""
        env = {**self._environment(), "PYTHONHOME": str(self.root / "usr"), "PYTHONHASHSEED": "0"}
        return [str(self.root / "usr/bin/python3.11"), "-S", "-s", "-B", str(script)], env

    def rauc(self, arguments: Sequence[str], folder: Path) -> str:
        """Run rauc in `folder`; return what it prints. Raises InfrastructureError with its complaint."""
        return run([str(self.root / "usr/bin/rauc"), *arguments], folder, self._environment())


def host_tools(cache: Path, tell: Tell, *, update: bool = False) -> HostTools:
    """Return the tools, fetched into `cache` at the first call. Raises InfrastructureError."""
    folder = cache / "host"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        arch = run(["dpkg", "--print-architecture"]).strip()
        packages = package_set(folder, arch, _PACKAGES, _PRESENT, tell, update=update)
        root = folder / packages.key[:16]
        if not root.is_dir():
            new = folder / "new"
            shutil.rmtree(new, ignore_errors=True)
            for archive in packages.archives():
                run(["dpkg-deb", "--extract", str(archive), str(new)])
            new.rename(root)
    return HostTools(root)


# Program -> Debian's package. All of them run as an ordinary user.
PROGRAMS = {
    "mksquashfs": "squashfs-tools",
    "mcopy": "mtools",
    "mformat": "mtools",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "sfdisk": "fdisk",
    "dpkg-deb": "dpkg",
    "apt-get": "apt",
}


def check_programs() -> None:
    """Raise InfrastructureError that names the packages where a program is missing."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        packages = " ".join(sorted({PROGRAMS[name] for name in missing}))
        raise InfrastructureError(f"{', '.join(missing)} not installed: apt-get install {packages}")


def tool(argv: Sequence[str], *, stdin: bytes = b"", more: dict[str, str] | None = None) -> tuple[bytes, str]:
    """Run a host program; return its output and what it said beside that.

    Raises InfrastructureError with what it complained of.
    """
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", **(more or {})}
    try:
        done = subprocess.run(argv, env=env, input=stdin, capture_output=True, check=False)
    except FileNotFoundError:
        raise InfrastructureError(
            f"{argv[0]} is not installed: apt-get install {PROGRAMS.get(argv[0], argv[0])}"
        ) from None
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode:
        raise InfrastructureError(f"{argv[0]}: {said or f'exit code {done.returncode}'}")
    return done.stdout, said
