"""A file that a command makes: whole or not at all, for the one that is there may be served."""

import os
import tempfile
from pathlib import Path

from lab.errors import InfrastructureError


def write_whole(target: Path, data: bytes) -> None:
    """Put `data` in the place of the file `target`. Raises InfrastructureError."""
    try:
        with tempfile.NamedTemporaryFile(dir=target.absolute().parent, delete=False) as file:
            file.write(data)
        os.chmod(file.name, 0o644)
        os.replace(file.name, target)
    except OSError as exc:
        raise InfrastructureError(f"{target}: {exc.strerror}") from None
