"""Where the lab keeps what can be made again: `$BOOTLAB_CACHE`, else the user's cache folder."""

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
    problems = []
    for folder in _candidates():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            problems.append(f"{folder}: {exc.strerror}")
            continue
        if folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK | os.X_OK):
            return folder
        problems.append(f"{folder}: belongs to another user")
    raise InfrastructureError(
        "no cache folder can be written (" + "; ".join(problems) + "); set BOOTLAB_CACHE to a folder of yours"
    )


def _candidates() -> list[Path]:
    if chosen := os.environ.get("BOOTLAB_CACHE"):
        return [Path(chosen).absolute()]
    found = []
    if (xdg := Path(os.environ.get("XDG_CACHE_HOME", ""))).is_absolute():
        found.append(xdg / "bootlab")
    home = Path(os.path.expanduser("~"))
    if home.is_absolute():
        found.append(home / ".cache" / "bootlab")
    found.append(Path(tempfile.gettempdir()) / f"bootlab-{os.geteuid()}")
    return found
