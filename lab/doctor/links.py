"""The interfaces of the site file: there, up, with a cable, with the file's address; and their bridges."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network

from lab.doctor.finding import Finding, fault, ok, unknown, warning
from lab.doctor.netlink import LinkState, read_links
from lab.doctor.rounds import Patient
from pxe.settings import DhcpSettings

_MTU = 1500  # a TFTP block of 1468 bytes fills it; firmware asks for that one
_PATIENCE = 4.0  # seconds that EDK2 and iPXE give their first DISCOVER


def check_links(patient: Patient) -> Iterator[Finding]:
    """All interfaces with DHCP, and the address of TFTP and HTTP."""
    links = read_links()
    for settings in patient.links:
        yield from judge_link(settings, links)


def judge_link(settings: DhcpSettings, links: Mapping[str, LinkState]) -> Iterator[Finding]:
    """One interface of the site file against what there is."""
    name = settings.interface
    link = links.get(name)
    if link is None:
        near = get_close_matches(name, links, 1)
        there = ", ".join(other for other in links if other != "lo") or "none but lo"
        cure = f"say `interface: {near[0] if near else 'NAME'}` in the site file"
        yield fault(f"there is no interface {name}; this host has {there}", cure, in_file=True)
        return
    if not link.up:
        yield fault(f"{name} is down", f"sudo ip link set {name} up")
    elif not link.carrier:
        yield warning(
            f"{name} has no carrier: " + _why_no_carrier(link, links),
            f"plug the cable in (ethtool {name} shows the link), or take another interface",
        )
    yield from _address(settings, link, links)
    if link.master:
        yield fault(
            f"{name} is a port of {link.master}: what comes in goes to {link.master}, not to {name}",
            f"say `interface: {link.master}` in the site file, with its address",
            in_file=True,
        )
    twins = sorted(o.name for o in links.values() if o is not link and _meet(o, settings.address.network))
    if twins:
        yield warning(
            f"{', '.join(twins)} has an address in {settings.address.network}, too: answers to machines "
            "there may leave by it, and from another address than they asked",
            f"take one of the addresses away: ip address show dev {twins[0]}",
        )
    if link.mtu < _MTU:
        yield warning(
            f"{name} has MTU {link.mtu}: TFTP blocks of 1468 bytes are sent in pieces, which many boot ROMs "
            "cannot put together",
            f"sudo ip link set {name} mtu {_MTU}",
        )


def _meet(link: LinkState, network: IPv4Network) -> bool:
    return any(address.network.overlaps(network) for address in link.addresses)


def _why_no_carrier(link: LinkState, links: Mapping[str, LinkState]) -> str:
    if link.kind != "bridge":
        return "no cable, or nobody at its other end"
    ports = [other for other in links.values() if other.master == link.name]
    return f"none of its {len(ports)} ports has one" if ports else "the bridge has no port"


def _address(settings: DhcpSettings, link: LinkState, links: Mapping[str, LinkState]) -> Iterator[Finding]:
    name, wanted = settings.interface, settings.address
    if wanted in link.addresses:
        kind = f" ({link.kind})" if link.kind else ""
        yield ok(f"{name}{kind} has {wanted}" + (", up, with carrier" if link.up and link.carrier else ""))
        return
    has = ", ".join(map(str, link.addresses)) or "none"
    add = f"sudo ip address add {wanted} dev {name}"
    other_prefix = next((a for a in link.addresses if a.ip == wanted.ip), None)
    elsewhere = next((o.name for o in links.values() if wanted.ip in {a.ip for a in o.addresses}), "")
    if other_prefix is not None:
        yield fault(
            f"{name} has {other_prefix}, the site file says {wanted}: hosts of one would not reach the other",
            f"say `address: {other_prefix}` in the site file, or: {add}",
            in_file=True,
        )
    elif elsewhere:
        yield fault(
            f"{wanted.ip} is the address of {elsewhere}, not of {name} (which has {has})",
            f"say `interface: {elsewhere}` in the site file",
            in_file=True,
        )
    else:
        yield fault(f"{name} does not have {wanted} (it has {has})", f"{add}; or correct `address`")


def check_spanning_tree(patient: Patient) -> Iterator[Finding]:
    """Bridges of this host. What a switch does cannot be seen from here, and is said."""
    if patient.links:
        yield from judge_spanning_tree([link.interface for link in patient.links], read_links())


def judge_spanning_tree(names: list[str], links: Mapping[str, LinkState]) -> Iterator[Finding]:
    """A bridge with spanning tree lets nothing through for twice its forward delay after a cable is plugged
    in or a board switches its card off and on, as most do when they boot; firmware gives up before."""
    for name in names:
        link = links.get(name)
        bridge = links.get(link.master) if link is not None and link.master else link
        if bridge is None or bridge.kind != "bridge":
            yield unknown(
                f"whether the switch behind {name} delays its ports (spanning tree) cannot be seen from here",
                "set the boards' ports to portfast / edge port (RSTP: admin-edge) on the switch",
            )
            continue
        held = [other.name for other in links.values() if other.master == bridge.name and other.is_held_up]
        cure = f"sudo ip link set {bridge.name} type bridge stp_state 0 (or forward_delay 0)"
        delay = 2 * bridge.delay
        if bridge.stp and delay > _PATIENCE:
            yield warning(
                f"{bridge.name} runs spanning tree with a forward delay of {bridge.delay:g} s: a port passes "
                f"nothing for {delay:g} s after link-up, and boot firmware asks for its address before that",
                cure,
            )
        elif bridge.delay > _PATIENCE and not bridge.stp:
            yield ok(f"{bridge.name} runs no spanning tree: its ports forward at once")
        else:
            yield ok(f"{bridge.name}: ports forward within {delay if bridge.stp else 0:g} s of link-up")
        if held and bridge.stp:
            yield warning(
                f"{bridge.name}: {', '.join(held)} forwards nothing now (state of spanning tree)", cure
            )
