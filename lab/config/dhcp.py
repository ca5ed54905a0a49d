"""The DHCP part of a site file as settings of the boot service."""

from ipaddress import IPv4Address, IPv4Interface

from lab.config import schema
from pxe.settings import AddressRange, DhcpSettings, Subnet


def dhcp_settings(file: schema.ServiceFile) -> tuple[DhcpSettings, ...]:
    """Return one DhcpSettings for each interface on which DHCP is served."""
    if file.dhcp is None:
        return ()
    own = IPv4Interface(file.address)
    dhcp = file.dhcp
    subnet = Subnet(
        network=own.network,
        ranges=tuple(_range(pool) for pool in ([dhcp.pool] if dhcp.pool else []) + dhcp.pools),
        lease_seconds=dhcp.lease_seconds,
        router=IPv4Address(dhcp.router) if dhcp.router is not None else None,
        dns=tuple(IPv4Address(text) for text in dhcp.dns),
    )
    return (DhcpSettings(interface=file.interface, address=own, subnets=(subnet,)),)


def _range(pool: schema.PoolFile) -> AddressRange:
    return AddressRange(first=IPv4Address(pool.start), last=IPv4Address(pool.end))
