"""A machine config that was read and checked, and what refos takes from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from lab.machineconfig import views
from lab.machineconfig.model import Authority, Endpoint, Install, KernelLog, Link, Resolvers
from lab.machineconfig.yamltext import Plain

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's is ten times as fast


class _Dumper(_Base):  # type: ignore[misc]  # either of the two
    """The safe dumper, and words that are to stay without quotes."""


def _without_quotes(dumper: Any, word: Plain) -> yaml.Node:
    tag = dumper.resolve(yaml.ScalarNode, str(word), (True, False))
    node: yaml.Node = dumper.represent_scalar(tag, str(word))
    return node


_Dumper.add_representer(Plain, _without_quotes)


@dataclass(frozen=True)
class Document:
    """One document: `kind` is empty for the base one, `name` where it has none; nobody changes `data`."""

    kind: str
    name: str
    data: Mapping[str, Any]

    @property
    def title(self) -> str:
        """`LinkConfig[eth0]`, `HostnameConfig`, or nothing for the base document."""
        return f"{self.kind}[{self.name}]" if self.name else self.kind

    @cached_property  # documents that were read once are shared by the configs that have them
    def text(self) -> str:
        """It as YAML."""
        return dump_data(self.data)


@dataclass(frozen=True)
class MachineConfig:
    """Documents without a fault, the base one first, the others in the order of kind and name.

    Two configs are equal if they say the same, in whatever order their keys were written.
    """

    documents: tuple[Document, ...]

    def dump(self) -> str:
        """Return the YAML text, secrets included. `load` of it gives an equal config. Comments are lost."""
        return "---\n".join(document.text for document in self.documents)

    def find(self, kind: str, name: str = "") -> Mapping[str, Any] | None:
        """Return the content of one document, None where there is none."""
        return next((d.data for d in self.documents if (d.kind, d.name) == (kind, name)), None)

    def of_kind(self, kind: str) -> tuple[Document, ...]:
        """Return the documents of a kind."""
        return tuple(document for document in self.documents if document.kind == kind)

    @property
    def complete(self) -> bool:
        """Whether it says whom the node shall trust (machine.ca): without, a node stays in maintenance."""
        return self.ca is not None

    @property
    def hostname(self) -> str | None:
        """The host name; None: the node finds one itself."""
        return views.hostname(self)

    @property
    def resolvers(self) -> Resolvers | None:
        """DNS servers; None: those of DHCP. Where there are some, they replace those of DHCP."""
        return views.resolvers(self)

    @property
    def links(self) -> tuple[Link, ...]:
        """Network interfaces that are named; one that is not does DHCP."""
        return views.links(self)

    @property
    def time_servers(self) -> tuple[str, ...]:
        """NTP servers, names or addresses; empty: none was named."""
        return views.time_servers(self)

    @property
    def time_enabled(self) -> bool:
        """False where the config turns time synchronisation off."""
        return views.time_enabled(self)

    @property
    def sysctls(self) -> Mapping[str, str]:
        """Kernel parameters, such as `net.ipv4.ip_forward: "1"`."""
        return views.sysctls(self)

    @property
    def kernel_logs(self) -> tuple[KernelLog, ...]:
        """Where the kernel's log goes."""
        return views.kernel_logs(self)

    @property
    def event_sink(self) -> Endpoint | None:
        """Who gets the node's events (gRPC, no TLS)."""
        return views.event_sink(self)

    @property
    def install(self) -> Install | None:
        """Disk and image; None where the config does not speak of it."""
        return views.install(self)

    @cached_property  # asked for at each call of a node's API
    def ca(self) -> Authority | None:
        """The lab's authority: issues the node's server certificate and is trusted for clients'."""
        return views.authority(self)

    @property
    def ca_fault(self) -> str:
        """Why it does not say whom the node shall trust; "" where it does."""
        return views.authority_fault(self)

    @property
    def accepted_cas(self) -> tuple[bytes, ...]:
        """PEM certificates of further authorities whose clients are trusted."""
        return views.accepted_cas(self)

    @property
    def cert_sans(self) -> tuple[str, ...]:
        """Further names and addresses for the node's server certificate."""
        return views.cert_sans(self)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Paths that are allowed, for Talos takes them, and that refos does nothing with: warn of them."""
        return views.ignored(self)


def dump_data(data: Mapping[str, Any], *, sort_keys: bool = False) -> str:
    """Return one document as YAML in block style."""
    text: str = yaml.dump(
        dict(data), Dumper=_Dumper, sort_keys=sort_keys, default_flow_style=False, allow_unicode=True
    )
    return text
