"""Settings of the kernel's network that a rack stumbles over."""

from collections.abc import Iterator
from pathlib import Path

from lab.doctor.finding import Finding, ok, unknown, warning
from lab.doctor.rounds import Patient
from pxe.settings import DhcpSettings

_STRICT = 1


def sysctl(name: str) -> int | None:
    """Return a number of /proc/sys; None where there is none of that name or we may not read it."""
    try:
        return int(Path("/proc/sys", name).read_text())
    except (OSError, ValueError):
        return None


def check_kernel(patient: Patient) -> Iterator[Finding]:
    """ARP table, reverse path filter, forwarding."""
    if patient.site is None:
        return
    machines = max(len(patient.site.machines), sum(map(pool_size, patient.links)))
    yield judge_neighbours(machines, sysctl("net/ipv4/neigh/default/gc_thresh3"))
    for link in patient.links:
        name = link.interface
        values = [sysctl(f"net/ipv4/conf/{which}/rp_filter") for which in ("all", name)]
        known = [value for value in values if value is not None]
        yield from judge_reverse_path(link, max(known) if known else None)
        yield from judge_forwarding(link, sysctl(f"net/ipv4/conf/{name}/forwarding"))


def pool_size(link: DhcpSettings) -> int:
    """How many addresses an interface gives from its pools to machines beside it."""
    own = link.own
    return sum(int(part.last) - int(part.first) + 1 for part in own.ranges) if own is not None else 0


def judge_neighbours(machines: int, limit: int | None) -> Finding:
    """The kernel keeps no more neighbours than `limit` (gc_thresh3): "Neighbour table overflow"."""
    if limit is None:
        return unknown(
            "the size of the ARP table (gc_thresh3) cannot be read here: in a network namespace that of "
            "the host counts",
            "on the host: sysctl net.ipv4.neigh.default.gc_thresh3",
        )
    if machines * 10 > limit * 9:
        want = max(4096, 1 << (machines * 2).bit_length())
        return warning(
            f"up to {machines} machines, and the ARP table takes {limit} (gc_thresh3): packets to those "
            "beyond are dropped",
            f"sudo sysctl -w net.ipv4.neigh.default.gc_thresh3={want} "
            f"net.ipv4.neigh.default.gc_thresh2={want // 2}",
        )
    return ok(f"the ARP table takes {limit} neighbours, for up to {machines} machines")


def judge_reverse_path(link: DhcpSettings, value: int | None) -> Iterator[Finding]:
    """Strict reverse path filtering drops what comes from networks whose route leads elsewhere; a DISCOVER
    from 0.0.0.0 passes."""
    if value is None:
        yield unknown(f"the reverse path filter of {link.interface} cannot be read")
        return
    relayed = [subnet for subnet in link.subnets if link.ip not in subnet.network]
    if value == _STRICT and relayed:
        yield warning(
            f"{link.interface} filters strictly by reverse path (rp_filter 1) and serves {len(relayed)} "
            "networks behind relays: what comes from them is dropped unless their route leads out of it",
            f"sudo sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.{link.interface}.rp_filter=2",
        )


def judge_forwarding(link: DhcpSettings, value: int | None) -> Iterator[Finding]:
    """Where machines are told that we are their router, we must be one."""
    if link.ip not in {subnet.router for subnet in link.subnets}:
        return
    if value:
        yield ok(f"machines are told that {link.ip} is their router, and {link.interface} forwards")
    else:
        yield warning(
            f"machines are told that {link.ip} (we) is their router, and {link.interface} does not forward",
            "sudo sysctl -w net.ipv4.ip_forward=1, or take `router` out of the site file",
        )
