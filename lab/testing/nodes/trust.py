"""Who signs for workers, which have no key of the authority: in Talos a control plane node does (trustd)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.machineconfig import MachineConfig
from lab.machineconfig.model import Authority
from lab.machineconfig.views import certificate_of


@dataclass(frozen=True)
class SignedFor(MachineConfig):
    """A config whose authority's key somebody else has."""

    signer: Authority | None = None

    @property
    def ca(self) -> Authority | None:
        """The authority, as trustd uses it for this node."""
        return self.signer


@dataclass(slots=True)
class Trust:
    """The authorities that nodes of this fleet have brought so far; `read` reads a config in that light."""

    load: Callable[[str], MachineConfig]
    known: dict[bytes, Authority] = field(default_factory=dict)

    def read(self, text: str) -> MachineConfig:
        """Read a config. A worker's becomes complete once a control plane node has brought the key."""
        config = self.load(text)
        if config.ca is not None:
            self.known[config.ca.crt] = config.ca
            return config
        certificate = certificate_of(config)
        if certificate is None or certificate not in self.known:
            return config
        return SignedFor(config.documents, self.known[certificate])
