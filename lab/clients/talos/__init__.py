"""Client of the Talos machine API, which refos answers too.

context = talosconfig.load(path).context()
async with NodeClient("10.0.0.5", MutualTls(context.ca, context.client)) as client: ...
with Node("10.0.0.5", Maintenance(fingerprint)) as node: node.apply(config)
"""

from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.client import NodeClient
from lab.clients.talos.errors import (
    NodeAccessDenied,
    NodeError,
    NodeNotTrusted,
    NodeRefused,
    NodeUnreachable,
    NotOffered,
)
from lab.clients.talos.model import (
    Applied,
    ApplyMode,
    MachineStatus,
    NodeEvent,
    NodeVersion,
    Progress,
    Resolvers,
)
from lab.clients.talos.sync import Node
from lab.clients.talos.tls import Credentials, Maintenance, MutualTls
from lab.clients.talos.waiting import boot_mark, wait_ready

__all__ = [
    "Applied",
    "ApplyMode",
    "CertificateAuthority",
    "Credentials",
    "MachineStatus",
    "Maintenance",
    "MutualTls",
    "Node",
    "NodeAccessDenied",
    "NodeClient",
    "NodeError",
    "NodeEvent",
    "NodeNotTrusted",
    "NodeRefused",
    "NodeUnreachable",
    "NodeVersion",
    "NotOffered",
    "Progress",
    "Resolvers",
    "boot_mark",
    "wait_ready",
]
