"""What a node does for a cluster. refos is no part of one, and has none of it; simulated nodes have."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol


class Member(NamedTuple):
    """A member of etcd; URLs as it announces them."""

    id: int
    hostname: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    learner: bool = False


class MemberStatus(NamedTuple):
    """What a member knows of itself and of its leader; sizes in bytes."""

    member: int
    leader: int
    raft_term: int
    raft_index: int
    size: int
    in_use: int
    version: str
    storage_version: str
    learner: bool = False
    errors: tuple[str, ...] = ()


class ClientAccess(NamedTuple):
    """A client's certificate with its authority, PEM, and a talosconfig (YAML) of both."""

    ca: bytes
    certificate: bytes
    key: bytes
    talosconfig: bytes


class Exists(Exception):
    """What is to be begun was begun before."""


class Cluster(Protocol):
    """Each method raises Refused where it cannot be done now, Unsupported where this node never does it."""

    async def bootstrap(self, *, recover: bool) -> None:
        """Begin a cluster of this one member. Raises Exists where it is in one."""
        ...

    async def members(self) -> Sequence[Member]:
        """Return the members of etcd."""
        ...

    async def status(self) -> MemberStatus:
        """Return this member's own status."""
        ...

    def snapshot(self) -> AsyncIterator[bytes]:
        """Yield the database, and its SHA-256 at the end."""
        ...

    async def kubeconfig(self) -> bytes:
        """Return a kubeconfig (YAML) of an administrator."""
        ...

    async def client_access(self, roles: Sequence[str], seconds: float) -> ClientAccess:
        """Issue a client's certificate of the machine API."""
        ...
