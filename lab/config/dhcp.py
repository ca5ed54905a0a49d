"""The DHCP part of a site file: checked as a whole, and as settings of the boot service."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from lab.config import dhcp_schema, read, schema
from lab.config.dhcp_options import encode_option
from lab.config.plans import selector_of
from lab.config.yamlfile import Document, KeyPath
from pxe.settings import AddressRange, DhcpMode, DhcpPolicy, DhcpSettings, Subnet

_LOG_SERVERS = 7  # RFC 2132 section 3.9


def dhcp_settings(file: schema.ServiceFile) -> tuple[DhcpSettings, ...]:
    """Return one DhcpSettings for each interface on which DHCP is served."""
    parts = [(file.interface, file.address, file.dhcp)] if file.dhcp is not None else []
    parts += [(part.interface, part.address, part.dhcp) for part in file.interfaces]
    offers_log = file.logs is not None and file.logs.offer
    return tuple(
        _settings(name, IPv4Interface(address), dhcp, offers_log=offers_log) for name, address, dhcp in parts
    )


def listen_address(file: schema.ServiceFile) -> IPv4Address:
    """Where TFTP and HTTP listen: on our one address, or on all where there are several interfaces."""
    return IPv4Address("0.0.0.0") if file.interfaces else IPv4Interface(file.address).ip


def _settings(
    interface: str, own: IPv4Interface, file: dhcp_schema.DhcpFile, *, offers_log: bool
) -> DhcpSettings:
    mode = DhcpMode(file.mode)
    subnets: tuple[Subnet, ...] = ()
    if mode is not DhcpMode.PROXY:
        pools = ([file.pool] if file.pool is not None else []) + file.pools
        subnets = (_subnet(own.network, pools, file), *map(_relayed, file.subnets))
    if offers_log:
        here = {_LOG_SERVERS: own.ip.packed}
        subnets = tuple(replace(subnet, options={**here, **subnet.options}) for subnet in subnets)
    return DhcpSettings(
        interface=interface,
        address=own,
        subnets=subnets,
        mode=mode,
        policies=tuple(map(_policy, file.policies)),
        rapid_commit=file.rapid_commit,
        probe=file.probe,
    )


def _relayed(file: dhcp_schema.SubnetFile) -> Subnet:
    return _subnet(IPv4Network(file.network), file.pools, file)


def _subnet(
    network: IPv4Network,
    pools: list[dhcp_schema.PoolFile],
    file: dhcp_schema.DhcpFile | dhcp_schema.SubnetFile,
) -> Subnet:
    return Subnet(
        network=network,
        ranges=tuple(AddressRange(first=IPv4Address(p.start), last=IPv4Address(p.end)) for p in pools),
        lease_seconds=file.lease_seconds,
        router=IPv4Address(file.router) if file.router is not None else None,
        dns=tuple(IPv4Address(text) for text in file.dns),
        options=_options(file.options),
    )


def _policy(file: dhcp_schema.PolicyFile) -> DhcpPolicy:
    return DhcpPolicy(
        name=file.name,
        when=selector_of(file.when),
        ignore=file.ignore,
        delay_seconds=file.delay_seconds,
        lease_seconds=file.lease_seconds,
        options=_options(file.options),
    )


def _options(options: Mapping[str, Any]) -> dict[int, bytes]:
    return dict(encode_option(key, value) for key, value in options.items())


def check_dhcp(document: Document) -> list[IPv4Network]:
    """Note what is wrong with pools and options; return the networks in which reservations may be.

    Works on raw values, as lab.config.crosscheck does.
    """
    networks: list[IPv4Network] = []
    service = _part(document.data, "service")
    links: list[tuple[KeyPath, Any]] = [(("service",), service)]
    more = service.get("interfaces")
    links += [
        (("service", "interfaces", n), part) for n, part in enumerate(more if isinstance(more, list) else [])
    ]
    for where, link in links:
        own = read.interface(link.get("address")) if isinstance(link, dict) else None
        if own is None:
            continue
        networks.append(own.network)
        dhcp = _part(link, "dhcp")
        _check_link(document, (*where, "dhcp"), dhcp, own, networks)
    return networks


def _check_link(
    document: Document, where: KeyPath, dhcp: dict[str, Any], own: IPv4Interface, networks: list[IPv4Network]
) -> None:
    _check_mode(document, where, dhcp)
    for path, pool in _pools(where, dhcp):
        _check_pool(document, path, pool, own.network, own.ip)
    _check_options(document, where, dhcp)
    subnets = _list(dhcp, "subnets")
    for n, part in enumerate(subnets):
        here = (*where, "subnets", n)
        network = read.network(part.get("network"))
        if network is None:
            continue
        known = next((other for other in networks if other.overlaps(network)), None)
        if known is not None:
            document.fault((*here, "network"), f"{network} overlaps {known}, which is served already")
        networks.append(network)
        for path, pool in _pools(here, part):
            _check_pool(document, path, pool, network, own.ip)
        _check_options(document, here, part)
    for n, part in enumerate(_list(dhcp, "policies")):
        _check_options(document, (*where, "policies", n), part)


def _check_mode(document: Document, where: KeyPath, dhcp: dict[str, Any]) -> None:
    if dhcp.get("mode") != "proxy":
        if dhcp and not any(key in dhcp for key in ("pool", "pools", "subnets")):
            document.fault(where, "has no pool: add one like {pool: {start: 10.99.0.100, end: 10.99.0.199}}")
        return
    for key in ("pool", "pools", "subnets", "router", "dns", "lease_seconds", "rapid_commit"):
        if key in dhcp:
            document.fault((*where, key), "a proxy gives no addresses; leave this out, or use mode: server")


def _check_pool(
    document: Document, where: KeyPath, pool: dict[str, Any], network: IPv4Network, ours: IPv4Address
) -> None:
    start, end = read.address(pool.get("start")), read.address(pool.get("end"))
    if start and end and start > end:
        document.fault((*where, "end"), f"{end} is before the pool's start {start}; exchange them")
    for edge, address in (("start", start), ("end", end)):
        if address and address not in network:
            whose = f"{network}, the network of {ours}" if ours in network else str(network)
            document.fault((*where, edge), f"{address} is outside {whose}")
    if start and end and start <= ours <= end:
        document.fault((*where, "start"), f"the pool contains our own address {ours}; leave that out of it")


def _check_options(document: Document, where: KeyPath, part: dict[str, Any]) -> None:
    for key, value in _part(part, "options").items():
        try:
            encode_option(str(key), value)
        except ValueError as exc:
            document.fault((*where, "options", key), str(exc))


def _pools(where: KeyPath, part: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    if isinstance(part.get("pool"), dict):
        yield (*where, "pool"), part["pool"]
    for n, pool in enumerate(_list(part, "pools")):
        yield (*where, "pools", n), pool


def _part(data: Any, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def _list(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = data.get(key)
    return [one if isinstance(one, dict) else {} for one in value] if isinstance(value, list) else []
