"""What can go wrong between the lab and one node, as one sentence that names the node and the mending.

NodeError (the board misbehaved)
├── NodeUnreachable   refused, silent, or gone in the middle of a call
├── NodeRefused       the node said no: gRPC status and its own words
│   └── NotOffered    Unimplemented: this server cannot do that
└── NodeNotTrusted    its certificate is another's
NodeAccessDenied (usage: the caller's certificate or role)
"""

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from lab.errors import BoardError, UsageError

_MAX_WORDS = 2000  # characters of what a node says of itself

# Where each call came, for the sentence on a server that has it not
_SINCE = {
    "/machine.LifecycleService/": "Talos offers it since 1.13",
    "/machine.ImageService/": "Talos offers it since 1.13",
    "/machine.MachineService/Upgrade": "Talos drops it with 1.18: LifecycleService takes its place",
}
_NEEDS_ROLE = (
    "the certificate that we show has the role {}; make one with a higher role: "
    "bootlab node talosconfig --role os:admin"
)
_NEEDS_CONFIG = "in maintenance everybody may look and nobody more: give the node its configuration first"
_OLD_MAINTENANCE = "in maintenance, Talos up to 1.12 takes a configuration and lists disks and resources only"


class NodeError(BoardError):
    """A node did not do what it should; `node` is its address."""

    def __init__(self, node: str, message: str) -> None:
        super().__init__(f"node {node}: {message}")
        self.node = node


class NodeUnreachable(NodeError):
    """Nobody answers at the node's address, or no longer."""


class NodeNotTrusted(NodeError):
    """Who answers is not the node that the talosconfig or the fingerprint means."""


class NodeRefused(NodeError):
    """The node said no; `status` is the gRPC status."""

    def __init__(self, node: str, message: str, status: Status) -> None:
        super().__init__(node, message)
        self.status = status
        if status is Status.INVALID_ARGUMENT:
            self.exit_code = UsageError.exit_code  # what was sent is wrong, not the board


class NotOffered(NodeRefused):
    """This server has no such call."""

    exit_code = UsageError.exit_code


class NodeAccessDenied(UsageError):
    """The certificate that we show is expired, foreign, or of too low a role."""

    def __init__(self, node: str, message: str) -> None:
        super().__init__(f"node {node}: {message}")
        self.node = node


def from_status(node: str, call: str, error: GRPCError, role: str) -> NodeError | NodeAccessDenied:
    """The error for a gRPC status. `call` is the path, such as /machine.MachineService/Reset."""
    said = printable(error.message or "")
    name = call.rpartition("/")[2]
    if error.status is Status.UNIMPLEMENTED:
        return NotOffered(node, f"cannot do {name}: {_not_offered(call, said)}", error.status)
    if error.status in (Status.PERMISSION_DENIED, Status.UNAUTHENTICATED):
        mending = _NEEDS_ROLE.format(role) if role else _NEEDS_CONFIG
        return NodeAccessDenied(node, f"{name} is not allowed ({said or error.status.name}): {mending}")
    if error.status is Status.UNAVAILABLE:
        return NodeUnreachable(node, f"{name}: the node is not available: {said or 'it does not say why'}")
    words = said or "it does not say why"
    return NodeRefused(node, f"{name} refused ({error.status.name.lower()}): {words}", error.status)


def printable(text: str, most: int = _MAX_WORDS) -> str:
    """What a node said, fit for a terminal: no control characters, not without end."""
    clean = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text[:most])
    return clean + ("..." if len(text) > most else "")


def _not_offered(call: str, said: str) -> str:
    if "maintenance" in said:
        return _OLD_MAINTENANCE
    since = next((words for prefix, words in _SINCE.items() if call.startswith(prefix)), "")
    return "; ".join(filter(None, (since, said))) or "this server does not have it"
