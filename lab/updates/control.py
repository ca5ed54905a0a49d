"""What people do to a running server, as JSON over its Unix socket: the server's half and the caller's."""

import json
import socket
from pathlib import Path

import httpx

from lab.errors import InfrastructureError, UsageError
from lab.updates.state import State

SOCKET_NAME = "updates.sock"
_SECONDS = 30.0


def act(state: State, what: str, body: bytes, now: float) -> None:
    """Do it. Raises UsageError for what cannot be done."""
    try:
        said = json.loads(body)
        group, node, reason = str(said["group"]), str(said.get("node", "")), str(said.get("reason", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError("the body is no JSON object with a group") from None
    match what:
        case "pause":
            state.pause(group, reason or "by hand", now)
        case "release" if node:
            state.release_node(group, node, now)
        case "release":
            state.release(group, now)
        case "unlock":
            state.unlock(group, node, reason or "by hand", now)
        case _:
            raise UsageError(f"nobody can {what!r}")


def ask(folder: Path, what: str, **words: str) -> None:
    """Have the server of this state folder do it. Raises UsageError where it says no, InfrastructureError."""
    path = folder / SOCKET_NAME
    try:
        # First by ourselves: httpcore leaves a socket open that cannot be connected
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=_SECONDS) as client:
            answer = client.post(f"http://updates/operator/{what}", json=words)
    except (httpx.HTTPError, OSError) as exc:
        raise InfrastructureError(
            f"{path}: the update server does not answer ({exc}); is it running, and is it yours?"
        ) from exc
    if answer.is_success:
        return
    try:
        value = answer.json()["value"]
    except (ValueError, KeyError, TypeError):
        value = f"HTTP {answer.status_code}"
    raise UsageError(str(value)) if answer.status_code == 400 else InfrastructureError(str(value))
