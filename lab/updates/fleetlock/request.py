"""Header and body of a request -> who asks."""

import json
import re
from dataclasses import dataclass

LONGEST = 4096  # bytes; Zincati's has about 100
_GROUP = re.compile(r"[a-zA-Z0-9.-]{1,64}")
_LONGEST_ID = 128


class LockError(Exception):
    """No: an HTTP status, a `kind` for programs (few: clients count by it), the message for people."""

    def __init__(self, status: int, kind: str, value: str) -> None:
        super().__init__(value)
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: `id` is told apart by case."""

    id: str
    group: str


def parse(header: bytes | None, body: bytes) -> Client:
    """Return who asks. `header`: the value of fleet-lock-protocol. Raises LockError, and nothing else."""
    if header != b"true":
        raise _invalid("the header fleet-lock-protocol: true is missing")
    if len(body) > LONGEST:
        raise LockError(413, "invalid_client_identity", f"the body is longer than {LONGEST} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise _invalid("the body is not JSON") from None
    params = document.get("client_params") if isinstance(document, dict) else None
    if not isinstance(params, dict):
        raise _invalid("client_params is missing")
    name, group = params.get("id"), params.get("group")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_ID or not name.isprintable():
        raise _invalid(f"client_params.id is no text of 1 to {_LONGEST_ID} printable characters")
    if not isinstance(group, str) or not _GROUP.fullmatch(group):
        raise _invalid("client_params.group does not match ^[a-zA-Z0-9.-]+$")
    return Client(name, group)


def _invalid(value: str) -> LockError:
    return LockError(400, "invalid_client_identity", value)
