"""Where the lab keeps what can be made again (the cache), and what cannot (its state: keys)."""

import os
import tempfile
from pathlib import Path

from lab.errors import InfrastructureError


def cache_dir() -> Path:
    """Return the cache folder, made if it was missing.

    The order is `$BOOTLAB_CACHE`, `$XDG_CACHE_HOME/bootlab`, `~/.cache/bootlab`, and for accounts without
    a home that they can write (`nobody`, service users) a private folder under the temporary directory.

    Raises InfrastructureError where none can be written.
    """
    return _folder("cache", ".cache")


def state_dir() -> Path:
    """Return the folder for what must outlive the cache, found in the same way: `$BOOTLAB_STATE`,
    `$XDG_STATE_HOME/bootlab`, `~/.local/state/bootlab`. Raises InfrastructureError.
    """
    return _folder("state", ".local/state")


def _folder(kind: str, in_home: str) -> Path:
    problems = []
    for folder in _candidates(kind, in_home):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            problems.append(f"{folder}: {exc.strerror}")
            continue
        if folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK | os.X_OK):
            return folder
        problems.append(f"{folder}: belongs to another user")
    raise InfrastructureError(
        f"no {kind} folder can be written (" + "; ".join(problems) + f"); set BOOTLAB_{kind.upper()} to a "
        "folder of yours"
    )


def _candidates(kind: str, in_home: str) -> list[Path]:
    if chosen := os.environ.get(f"BOOTLAB_{kind.upper()}"):
        return [Path(chosen).absolute()]
    found = []
    if (xdg := Path(os.environ.get(f"XDG_{kind.upper()}_HOME", ""))).is_absolute():
        found.append(xdg / "bootlab")
    home = Path(os.path.expanduser("~"))
    if home.is_absolute():
        found.append(home / in_home / "bootlab")
    suffix = "" if kind == "cache" else f"-{kind}"
    found.append(Path(tempfile.gettempdir()) / f"bootlab-{os.geteuid()}{suffix}")
    return found
