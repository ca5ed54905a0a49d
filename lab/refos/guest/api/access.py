"""Who a caller is, what he may call, and whether the call is meant for this node."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from lab.refos.guest.node import Node

_NODES_ALLOWED = ("machine.MachineService", "storage.StorageService")


class Role(IntEnum):
    """What a caller may do; each may do what those below it may. Impersonation is not offered."""

    NONE = 0
    READER = 1
    OPERATOR = 2
    ADMIN = 3


_ROLES = {"os:reader": Role.READER, "os:operator": Role.OPERATOR, "os:admin": Role.ADMIN}
_MAINTENANCE_CALLS = frozenset({"ApplyConfiguration", "Disks", "Get", "List", "Watch"})


def role_of(certificate: Mapping[str, Any] | None) -> Role:
    """Return the highest role among the Organizations of a verified client certificate's subject.

    `certificate` is as ssl.SSLSocket.getpeercert() has it.
    """
    subject = (certificate or {}).get("subject", ())
    names = [value for rdn in subject for key, value in rdn if key == "organizationName"]
    return max((_ROLES.get(name, Role.NONE) for name in names), default=Role.NONE)


def check_role(node: Node, role: Role, needed: Role, method: str) -> None:
    """Raise GRPCError where the caller may not; in maintenance whoever calls may read, and apply a config."""
    if node.maintenance:
        old = not node.settings.personality.whole_api_in_maintenance
        service, _, call = method.rpartition("/")
        if old and (call not in _MAINTENANCE_CALLS or (call == "List" and "cosi" not in service)):
            raise GRPCError(Status.UNIMPLEMENTED, "API is not implemented in maintenance mode")
        role = max(role, Role.READER)
        if call == "ApplyConfiguration":
            return
    if role < needed:
        raise GRPCError(Status.PERMISSION_DENIED, "not authorized")


def target_of(node: Node, metadata: Mapping[str, Any], method: str) -> str:
    """Return the name under which a forwarded call asks for this node, "" where it is not forwarded.

    `node` names exactly one, `nodes` several, each in an entry of its own. This node forwards to no other.
    """
    getall = getattr(metadata, "getall", None)
    several = [str(value) for value in getall("nodes", ())] if getall is not None else []
    single = [str(value) for value in getall("node", ())] if getall is not None else []
    if not several and not single:
        return ""
    if several and not method.lstrip("/").startswith(_NODES_ALLOWED):
        raise GRPCError(
            Status.INVALID_ARGUMENT, "one-2-many proxying is not supported by this call: send node"
        )
    if len(single) > 1:
        raise GRPCError(Status.INVALID_ARGUMENT, "node names more than one target")
    network = node.platform.network
    own = {network.hostname(), *network.addresses(), "127.0.0.1", "::1", "localhost"}
    if len(several) > 1 or not own.issuperset([*several, *single]):
        raise GRPCError(Status.PERMISSION_DENIED, "no request forwarding: this node answers for itself only")
    return several[0] if several else ""
