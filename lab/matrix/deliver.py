"""Delivery with patience: what does not go now is tried again, and what does not go at all is said.

The night's result stands, whoever hears of it.
"""

import os
import time
from collections.abc import Callable, Sequence

from lab.errors import InfrastructureError
from lab.matrix.model import Secret

PAUSES = (2.0, 10.0, 30.0)  # seconds between tries: a server that restarts is back by then


class NotNow(InfrastructureError):
    """It did not go, and may go later."""


def deliver(
    send: Callable[[], None],
    *,
    pauses: Sequence[float] = PAUSES,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Call `send` until it goes or no try is left; return "" or why it did not go."""
    for pause in (*pauses, None):
        try:
            send()
            return ""
        except NotNow as exc:
            if pause is None:
                return f"{exc} ({len(pauses) + 1} tries)"
            sleep(pause)
        except InfrastructureError as exc:
            return str(exc)
    raise AssertionError("the last try returns")


def secret_text(secret: Secret) -> str:
    """Return a secret. Raises InfrastructureError, which names where it should be and never what it is."""
    if secret.file is None:
        value = os.environ.get(secret.env, "")
        where = f"the environment variable {secret.env}"
    else:
        where = str(secret.file)
        try:
            value = secret.file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8 text"
            raise InfrastructureError(f"the secret cannot be read from {where}: {reason}") from exc
    if not value:
        raise InfrastructureError(f"the secret is missing: {where} is empty or not set")
    return value
