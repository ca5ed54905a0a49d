"""etcd and Kubernetes of simulated nodes, as far as the machine API shows them: who is a member, since when.

What is real: the order in which a node allows what, its errors, certificates and kubeconfigs. What is not:
no database and no Kubernetes runs; sizes and counters are made up.
"""

import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import yaml

from lab.clients.talos import talosconfig
from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.kubepki import client
from lab.clients.talos.pem import Pair
from lab.clients.talos.secrets import encoded
from lab.errors import UsageError
from lab.machineconfig import MachineConfig
from lab.machineconfig.views import at, authority_pair
from lab.refos.guest.cluster import ClientAccess, Exists, Member, MemberStatus
from lab.refos.guest.state.configuration import Refused, Unsupported

_CONTROL_PLANE = "controlplane"
_ETCD, _STORAGE = "3.6.4", "3.6.0"
_PAGE, _PAGES, _PAGES_USED = 512, 64, 48
_YEAR = timedelta(days=365)


@dataclass
class Etcd:
    """The database that all control plane nodes of a fleet share: begun once, then joined."""

    members: dict[str, Member] = field(default_factory=dict)  # by host name
    index: int = 0
    term: int = 0
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def begin(self, name: str, address: str) -> None:
        """Make a cluster of one member. Raises Exists where there is one."""
        if self.members:
            raise Exists("etcd data directory is not empty")
        self.term += 1
        self._add(name, address)

    def join(self, name: str, address: str) -> Member:
        """Return this node's member; it joins where it is none yet. Raises Refused before the beginning."""
        if not self.members:
            raise Refused("etcd is not running: the cluster was not bootstrapped")
        if name not in self.members:
            self._add(name, address)
        return self.members[name]

    def leave(self, name: str) -> None:
        """A member goes, and what it had."""
        self.members.pop(name, None)

    @property
    def leader(self) -> int:
        """The oldest member."""
        return min(member.id for member in self.members.values())

    def _add(self, name: str, address: str) -> None:
        number = int.from_bytes(hashlib.sha256(f"{name} {next(self._ids)}".encode()).digest()[:7], "big")
        urls = tuple(f"https://{address.partition(':')[0]}:{port}" for port in (2380, 2379))
        self.members[name] = Member(number, name, urls[:1], urls[1:])
        self.index += 1


class ControlPlane:
    """lab.refos.guest.cluster.Cluster of one node; `config` and `name` say what they are now."""

    def __init__(
        self, etcd: Etcd, address: str, config: Callable[[], MachineConfig | None], name: Callable[[], str]
    ) -> None:
        self._etcd, self._address, self._config, self._name = etcd, address, config, name

    async def bootstrap(self, *, recover: bool) -> None:
        """See Cluster."""
        if self._type() != _CONTROL_PLANE:
            raise Refused("bootstrap can only be performed on a control plane node")
        if recover:
            raise Refused("there is no snapshot to recover from: upload one before")
        self._etcd.begin(self._name(), self._address)

    async def members(self) -> Sequence[Member]:
        """See Cluster."""
        self._member("member list")
        return list(self._etcd.members.values())

    async def status(self) -> MemberStatus:
        """See Cluster."""
        member = self._member("etcd status")
        self._etcd.index += 1
        return MemberStatus(
            member=member.id,
            leader=self._etcd.leader,
            raft_term=self._etcd.term,
            raft_index=self._etcd.index,
            size=_PAGES * _PAGE,
            in_use=_PAGES_USED * _PAGE,
            version=_ETCD,
            storage_version=_STORAGE,
        )

    async def snapshot(self) -> AsyncIterator[bytes]:
        """See Cluster."""
        member = self._member("etcd snapshot")
        digest = hashlib.sha256()
        for number in range(_PAGES):
            page = f"page {number} of {member.hostname}\n".encode().ljust(_PAGE, b"\0")
            digest.update(page)
            yield page
        yield digest.digest()

    async def kubeconfig(self) -> bytes:
        """See Cluster."""
        config = self._of_control_plane("kubeconfig")
        authority = authority_pair(at(config, "cluster", "ca"))
        if authority is None:
            raise Refused("kubeconfig: cluster.ca is missing in the configuration")
        name = str(at(config, "cluster", "clusterName") or "cluster")
        signer = Pair(authority.crt, authority.key)
        try:
            admin = client(signer, organization="system:masters", common_name="admin", valid=_YEAR)
        except UsageError as exc:
            raise Refused(f"kubeconfig: {exc}") from exc
        return _kubeconfig(name, str(at(config, "cluster", "controlPlane", "endpoint") or ""), signer, admin)

    async def client_access(self, roles: Sequence[str], seconds: float) -> ClientAccess:
        """See Cluster."""
        config = self._of_control_plane("client configuration")
        if config.ca is None:
            raise Refused("client configuration: machine.ca has no key")
        try:
            if len(roles) != 1:
                raise UsageError("a simulated node issues a certificate for one role")
            authority = CertificateAuthority(Pair(config.ca.crt, config.ca.key))
            made = authority.issue_client(roles[0], timedelta(seconds=seconds))
        except UsageError as exc:
            raise Refused(str(exc)) from exc
        name = str(at(config, "cluster", "clusterName") or "cluster")
        context = talosconfig.Context(name, config.ca.crt, made, (self._address,))
        text = talosconfig.dump(talosconfig.Talosconfig(name, {name: context}))
        return ClientAccess(config.ca.crt, made.certificate, made.key, text.encode())

    def _type(self) -> str:
        config = self._config()
        return str(at(config, "machine", "type")) if config is not None else ""

    def _of_control_plane(self, what: str) -> MachineConfig:
        config = self._config()
        if config is None or self._type() != _CONTROL_PLANE:
            raise Unsupported(f"{what} is only available on control plane nodes")
        return config

    def _member(self, what: str) -> Member:
        self._of_control_plane(what)
        return self._etcd.join(self._name(), self._address)


def _kubeconfig(name: str, endpoint: str, authority: Pair, admin: Pair) -> bytes:
    user = f"admin@{name}"
    crt, key = encoded(admin).values()
    data = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": endpoint,
                    "certificate-authority-data": encoded(authority)["crt"],
                },
            }
        ],
        "users": [{"name": user, "user": {"client-certificate-data": crt, "client-key-data": key}}],
        "contexts": [{"name": user, "context": {"cluster": name, "namespace": "default", "user": user}}],
        "current-context": user,
    }
    text: str = yaml.safe_dump(data, sort_keys=False)
    return text.encode()
