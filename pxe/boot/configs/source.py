"""The text of a stored config: from the plan, a file, or an environment variable of the service."""

import os
import stat
from collections.abc import Mapping

from pxe.errors import PlanError
from pxe.plan import Config

CONFIG_BYTES = 1024 * 1024
_SOURCES = "path, text or env"


def read_config(config: Config, environ: Mapping[str, str]) -> str:
    """Return what `config` says now.

    Raises PlanError, without its path, where that cannot be read, is too large or not UTF-8.
    """
    if config.text is not None:
        return config.text
    if config.env is not None:
        if config.env not in environ:
            raise PlanError("there is no such environment variable where the boot service runs")
        return environ[config.env]
    if config.path is None:
        raise PlanError(f"it has none of {_SOURCES}")
    try:
        # O_NONBLOCK: a FIFO put in the file's place must not hold the thread
        fd = os.open(config.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise PlanError("not a regular file")
            content = file.read(CONFIG_BYTES + 1)
    except OSError as exc:
        raise PlanError(exc.strerror or "cannot be read") from None
    if len(content) > CONFIG_BYTES:
        raise PlanError(f"more than {CONFIG_BYTES} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise PlanError(f"not UTF-8 at byte {exc.start}") from None
