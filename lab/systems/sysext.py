"""System extensions: files for /usr and /opt as an image that systemd-sysext merges into a running system.

systemd-sysext(8), os-release(5): an image NAME.raw holds usr/lib/extension-release.d/extension-release.NAME
with the host's ID and its SYSEXT_LEVEL or VERSION_ID; where these differ from the host's, it is passed over.
"""

import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from lab.errors import InfrastructureError, UsageError

ARCHES: Final = {"x86_64": "x86-64", "arm64": "arm64"}  # our word -> systemd's
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HIERARCHIES: Final = ("usr", "opt")
_RELEASES: Final = "usr/lib/extension-release.d"
_OWN: Final = ("usr/lib/os-release", "etc/os-release")
_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Which hosts an extension is for: those of `id` (`_any`: all) with `level`, or of exactly `version_id`;
    `arch` as in pxe.plan.Arch, "" for any."""

    id: str
    level: str = ""
    version_id: str = ""
    arch: str = ""

    def text(self) -> str:
        """Return the extension-release file. Raises UsageError for what systemd would not take."""
        for what, word in (("id", self.id), ("level", self.level), ("version", self.version_id)):
            if word and not _WORD.fullmatch(word):
                raise UsageError(f"{what} {word!r}: letters, digits, '.', '_' and '-' only")
        if not self.id:
            raise UsageError("say which hosts it is for: --id flatcar")
        if self.arch and self.arch not in ARCHES:
            raise UsageError(f"{self.arch!r} is none of {', '.join(ARCHES)}")
        if self.id != "_any" and not self.level and not self.version_id:
            raise UsageError(
                "systemd takes no extension for all versions of a system: give --sysext-level (of Flatcar "
                "1.0), or --version-id for one version alone"
            )
        fields = {"ID": self.id, "SYSEXT_LEVEL": self.level, "VERSION_ID": self.version_id}
        fields["ARCHITECTURE"] = ARCHES.get(self.arch, "")
        return "".join(f"{name}={value}\n" for name, value in fields.items() if value)


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder of this host, and where it goes: an absolute path below /usr or /opt."""

    path: Path
    target: PurePosixPath


def source_of(word: str) -> Source:
    """Return what `FILE:/usr/bin/x` or `FOLDER` means; a folder alone has usr or opt in it.

    Raises UsageError.
    """
    path, colon, target = word.rpartition(":")
    if not colon or not target.startswith("/"):
        path, target = word, "/"
    if not Path(path).exists():
        raise UsageError(
            f"{path}: no such file or folder; write FILE:/usr/bin/NAME, or a folder with usr in it"
        )
    where = PurePosixPath(os.path.normpath(target))
    if where == PurePosixPath("/"):
        if not Path(path).is_dir():
            raise UsageError(f"{path}: say where it goes, like {path}:/usr/bin/{Path(path).name}")
    elif where.parts[1] not in _HIERARCHIES:
        raise UsageError(f"{target}: an extension has files below /usr and /opt only")
    return Source(Path(path), where)


def build(name: str, release: Release, sources: Iterable[Source], image: Path) -> None:
    """Make the image of extension `name`; the same files and words give the same bytes.

    Raises UsageError for files that cannot be in it, InfrastructureError where mksquashfs fails.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of an extension: letters, digits, '_', '.' and '-'")
    text = release.text()
    with tempfile.TemporaryDirectory(prefix="bootlab-sysext-") as work:
        root = Path(work) / "root"
        root.mkdir()
        for source in sources:
            _copy(source.path, root.joinpath(*source.target.parts[1:]))
        _check(root)
        folder = root / _RELEASES
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"extension-release.{name}").write_text(text)
        (folder / f"extension-release.{name}").chmod(0o644)
        _level(root)
        _squash(root, Path(work) / "image")
        _put(Path(work) / "image", image)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        target.mkdir(parents=True, exist_ok=True)
        for inner in sorted(source.iterdir()):
            _copy(inner, target / inner.name)
        return
    mode = source.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        raise UsageError(f"{source}: an extension has files, folders and links only")
    if target.is_dir() or target.exists() or target.is_symlink():
        raise UsageError(f"{source}: there is something at its place already")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target, follow_symlinks=False)
    except OSError as exc:
        raise UsageError(f"{source}: {exc.strerror}") from None
    if stat.S_ISREG(mode):
        target.chmod(0o755 if mode & 0o111 else 0o644)


def _check(root: Path) -> None:
    """Raise UsageError for what systemd-sysext would refuse or never show."""
    there = sorted(path.name for path in root.iterdir())
    if not there:
        raise UsageError("there is nothing to put into it")
    for name in there:
        if name not in _HIERARCHIES:
            raise UsageError(f"/{name}: an extension has files below /usr and /opt only")
    for name in _OWN:
        if (root / name).exists():
            raise UsageError(f"/{name}: an image with one is a host's, and systemd-sysext refuses it")


def _level(root: Path) -> None:
    """Modes of folders by no umask of anybody's."""
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())):
        folder.chmod(0o755)


def _squash(root: Path, image: Path) -> None:
    argv = ["mksquashfs", str(root), str(image), "-noappend", "-all-root", "-no-xattrs", "-comp", "gzip"]
    argv += ["-all-time", "0", "-mkfs-time", "0", "-quiet", "-no-progress"]
    environ = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    try:
        subprocess.run(argv, capture_output=True, timeout=_SECONDS, check=True, env=environ)
    except FileNotFoundError:
        raise InfrastructureError("mksquashfs is not installed: apt-get install squashfs-tools") from None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
        said = (exc.stderr or b"").decode(errors="replace").strip()
        raise InfrastructureError(f"mksquashfs: {said or exc}") from None


def _put(made: Path, image: Path) -> None:
    try:
        beside = image.with_name(image.name + ".new")
        shutil.copyfile(made, beside)
        beside.replace(image)
    except OSError as exc:
        raise InfrastructureError(f"{image}: {exc.strerror}") from None
