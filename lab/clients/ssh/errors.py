"""What can go wrong between the lab and one node over SSH: one sentence that names it and the mending.

SshError (the board misbehaved)
├── SshUnreachable    refused, silent, or gone in the middle
├── SshNotTrusted     its host key is another's, or nobody vouches for it
└── SshCommandFailed  a command on it failed
SshAccessDenied (usage: our user or key)
"""

import errno
import socket

import asyncssh

from lab.errors import BoardError, LabError, UsageError

_MOST = 600  # characters of a node's own words

_OSERRORS = {
    errno.ECONNREFUSED: "nothing listens there: it still boots, or has no sshd",
    errno.EHOSTUNREACH: "no such host in its network: is it powered, and is the address right?",
    errno.ENETUNREACH: "this host has no route to it",
    errno.ETIMEDOUT: "it does not answer: is it powered, and is the address right?",
    errno.ECONNRESET: "it ended the connection: it still boots, or what listens there is no sshd",
}


class SshError(BoardError):
    """A node did not do what it should; `node` is as in Login."""

    def __init__(self, node: str, message: str) -> None:
        super().__init__(f"node {node}: {printable(message)}")
        self.node = node


class SshUnreachable(SshError):
    """Nobody answers there, or no longer."""


class SshNotTrusted(SshError):
    """Who answers is not the host that is known."""


class SshCommandFailed(SshError):
    """A command on the node failed; `status` as in Ran."""

    def __init__(self, node: str, message: str, status: int) -> None:
        super().__init__(node, message)
        self.status = status


class SshAccessDenied(UsageError):
    """The node knows neither our key nor our user."""

    def __init__(self, node: str, message: str) -> None:
        super().__init__(f"node {node}: {printable(message)}")
        self.node = node


def from_error(node: str, exc: Exception) -> LabError:
    """The error for what asyncssh or a socket raised."""
    if isinstance(exc, LabError):
        return exc
    if isinstance(exc, asyncssh.PermissionDenied):
        mending = "give it our public key (authorized_keys), or name another user or --key"
        return SshAccessDenied(node, f"does not let us in: {mending}")
    if isinstance(exc, asyncssh.HostKeyNotVerifiable):
        return SshNotTrusted(node, f"its host key cannot be verified: {exc.reason}")
    if isinstance(exc, asyncssh.ConnectionLost | asyncssh.ChannelOpenError):
        return SshUnreachable(node, _OSERRORS[errno.ECONNRESET])
    if isinstance(exc, asyncssh.Error):
        return SshError(node, f"SSH failed: {exc.reason}")
    if isinstance(exc, socket.gaierror):
        return SshUnreachable(node, f"the name is not known: {exc.strerror}")
    if isinstance(exc, TimeoutError) and not exc.errno:
        return SshUnreachable(node, _OSERRORS[errno.ETIMEDOUT])
    if isinstance(exc, OSError):
        words = _OSERRORS.get(exc.errno or 0, exc.strerror or _OSERRORS[errno.ECONNRESET])
        return SshUnreachable(node, words)
    return SshError(node, f"SSH failed: {exc}")


def printable(text: str) -> str:
    """What a node said, fit for a terminal: no control characters, not without end."""
    clean = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text[:_MOST])
    return clean + ("..." if len(text) > _MOST else "")
