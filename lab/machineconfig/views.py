"""What a checked config says, as values. The base document and the newer documents say the same things:
a config that says one of them in both is refused when it is read, so each function looks at both.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.machineconfig.model import Authority, Endpoint, Install, KernelLog, Link, Resolvers, Route

if TYPE_CHECKING:
    from lab.machineconfig.config import MachineConfig

_IGNORED_KINDS = ("ExtensionServiceConfig", "SideroLinkConfig")
_IGNORED_KEYS = (
    "persist",
    "cluster",
    "machine.features",
    "machine.kubelet",
    "machine.nodeLabels",
    "machine.token",
    "machine.type",
)
_DEV_PATH = re.compile(r"""\s*disk\.dev_path\s*==\s*["'](/dev/[A-Za-z0-9_./:-]+)["']\s*""")


def at(config: MachineConfig, *keys: str) -> Any:
    """Return the value at `keys` of the base document; None where it is missing."""
    value: Any = config.find("") or {}
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def hostname(config: MachineConfig) -> str | None:
    """HostnameConfig.hostname or machine.network.hostname."""
    document = config.find("HostnameConfig") or {}
    found: str | None = document.get("hostname") or at(config, "machine", "network", "hostname")
    return found


def resolvers(config: MachineConfig) -> Resolvers | None:
    """ResolverConfig or machine.network.{nameservers,searchDomains}."""
    document = config.find("ResolverConfig")
    if document is None:
        servers = at(config, "machine", "network", "nameservers") or []
        search = at(config, "machine", "network", "searchDomains") or []
    else:
        servers = [entry["address"] for entry in document.get("nameservers", [])]
        search = document.get("searchDomains", {}).get("domains", [])
    if not servers and not search:
        return None
    return Resolvers(tuple(ip_address(text) for text in servers), tuple(search))


def links(config: MachineConfig) -> tuple[Link, ...]:
    """LinkConfig with DHCPv4Config of the same name, and machine.network.interfaces."""
    names = sorted({d.name for kind in ("LinkConfig", "DHCPv4Config") for d in config.of_kind(kind)})
    return tuple([*(_link(config, name) for name in names), *_legacy_links(config)])


def _link(config: MachineConfig, name: str) -> Link:
    data = config.find("LinkConfig", name) or {}
    return Link(
        name=name,
        addresses=tuple(ip_interface(entry["address"]) for entry in data.get("addresses", [])),
        routes=tuple(_route(entry, entry.get("destination")) for entry in data.get("routes", [])),
        dhcp=config.find("DHCPv4Config", name) is not None,
        mtu=data.get("mtu"),
        up=data.get("up", True),
    )


def _legacy_links(config: MachineConfig) -> Iterator[Link]:
    for entry in at(config, "machine", "network", "interfaces") or []:
        selected = entry.get("deviceSelector", {}).get("hardwareAddr")
        yield Link(
            name=entry.get("interface", ""),
            hardware_address=selected.lower() if selected else None,
            addresses=tuple(ip_interface(text) for text in entry.get("addresses", [])),
            routes=tuple(_route(route, route.get("network")) for route in entry.get("routes", [])),
            dhcp=entry.get("dhcp", False),
            mtu=entry.get("mtu"),
        )


def _route(entry: Mapping[str, Any], destination: str | None) -> Route:
    gateway = ip_address(entry["gateway"]) if "gateway" in entry else None
    everywhere = "::/0" if gateway is not None and gateway.version == 6 else "0.0.0.0/0"
    return Route(ip_network(destination or everywhere), gateway, entry.get("metric"))


def time_servers(config: MachineConfig) -> tuple[str, ...]:
    """TimeSyncConfig.ntp.servers or machine.time.servers."""
    document = config.find("TimeSyncConfig")
    found = (
        at(config, "machine", "time", "servers")
        if document is None
        else document.get("ntp", {}).get("servers")
    )
    return tuple(found or ())


def time_enabled(config: MachineConfig) -> bool:
    """TimeSyncConfig.enabled or not machine.time.disabled."""
    document = config.find("TimeSyncConfig") or {}
    return bool(document.get("enabled", not at(config, "machine", "time", "disabled")))


def sysctls(config: MachineConfig) -> Mapping[str, str]:
    """machine.sysctls; numbers become text."""
    return {key: str(value) for key, value in (at(config, "machine", "sysctls") or {}).items()}


def kernel_logs(config: MachineConfig) -> tuple[KernelLog, ...]:
    """KmsgLogConfig documents."""
    return tuple(kernel_log(d.name, d.data["url"]) for d in config.of_kind("KmsgLogConfig"))


def kernel_log(name: str, url: str) -> KernelLog:
    """Take apart a URL that `words.log_url` finds nothing wrong with."""
    parts = urlsplit(url)
    return KernelLog(name, parts.scheme, Endpoint(parts.hostname or "", parts.port or 0))


def event_sink(config: MachineConfig) -> Endpoint | None:
    """EventSinkConfig.endpoint."""
    document = config.find("EventSinkConfig")
    return endpoint(document["endpoint"]) if document is not None else None


def endpoint(text: str) -> Endpoint:
    """Take apart a text that `words.endpoint` finds nothing wrong with."""
    host, _, port = text.rpartition(":")
    return Endpoint(host.strip("[]"), int(port))


def install(config: MachineConfig) -> Install | None:
    """machine.install or UnattendedInstallConfig, of whose conditions we understand that of a disk's path."""
    data = at(config, "machine", "install")
    document = config.find("UnattendedInstallConfig")
    if data is None and document is None:
        return None
    if document is not None:
        provisioning = document.get("provisioning", {})
        found = _DEV_PATH.fullmatch(_condition(document))
        image = document.get("installer", {}).get("image")
        return Install(found[1] if found else None, image, provisioning.get("wipe", False), ())
    extra = tuple(data.get("extraKernelArgs", ()))
    return Install(data.get("disk"), data.get("image"), data.get("wipe", False), extra)


def _condition(document: Mapping[str, Any]) -> str:
    found: str = document.get("provisioning", {}).get("diskSelector", {}).get("match", "")
    return found


def authority(config: MachineConfig) -> Authority | None:
    """machine.ca; without its key (of a worker of Talos) there is none: who shall sign for us?"""
    return authority_pair(at(config, "machine", "ca"))


def authority_pair(data: Any) -> Authority | None:
    """Take a checked `{crt, key}` apart; None where there is none, or no key."""
    if not data or not data["key"]:
        return None
    return Authority(base64.b64decode(data["crt"]), base64.b64decode(data["key"]))


def certificate_of(config: MachineConfig) -> bytes | None:
    """machine.ca.crt."""
    data = at(config, "machine", "ca")
    return base64.b64decode(data["crt"]) if data else None


def authority_fault(config: MachineConfig) -> str:
    """Why there is no authority; "" where there is one."""
    data = at(config, "machine", "ca")
    if not data:
        return "machine.ca is missing"
    return "" if data["key"] else "machine.ca.key is empty, and nobody else signs for a node of refos"


def accepted_cas(config: MachineConfig) -> tuple[bytes, ...]:
    """machine.acceptedCAs."""
    return tuple(base64.b64decode(entry["crt"]) for entry in at(config, "machine", "acceptedCAs") or [])


def cert_sans(config: MachineConfig) -> tuple[str, ...]:
    """machine.certSANs."""
    return tuple(at(config, "machine", "certSANs") or ())


def ignored(config: MachineConfig) -> tuple[str, ...]:
    """What the schema knows and refos does not act on."""
    found = [key for key in _IGNORED_KEYS if at(config, *key.split(".")) is not None]
    for number, entry in enumerate(at(config, "machine", "network", "interfaces") or []):
        if "vlans" in entry:
            found.append(f"machine.network.interfaces[{number}].vlans")
    selector = _condition(config.find("UnattendedInstallConfig") or {})
    if selector and not _DEV_PATH.fullmatch(selector):
        found.append("UnattendedInstallConfig.provisioning.diskSelector")
    return tuple(found) + tuple(d.title for kind in _IGNORED_KINDS for d in config.of_kind(kind))
