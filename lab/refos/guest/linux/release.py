"""What runs: /etc/refos-release, a KEY=value a line."""

from pathlib import Path

from lab.refos.guest.model import PlatformError, Release

RELEASE = Path("/etc/refos-release")


def read(path: Path = RELEASE) -> Release:
    """Read a release file. Raises PlatformError."""
    try:
        text = path.read_text()
    except OSError as error:
        raise PlatformError(f"{path} cannot be read: {error.strerror}") from None
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return Release(
        version=values.get("VERSION", ""),
        sha=values.get("SHA", ""),
        built=values.get("BUILT", ""),
        arch=values.get("ARCH", ""),
    )
