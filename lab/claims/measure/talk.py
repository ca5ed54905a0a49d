"""What a node says without being asked, and what it tells whoever may ask: C07 polling, C15 no SSH."""

import time
from collections.abc import Callable, Sequence

from lab.claims.model import Finding, Value, Verdict
from lab.claims.probe import Probe
from lab.claims.talk import spoken

SSH = 22
# What keeps a link up. An empty datagram to port 9 is how a system has its kernel look for a neighbour
_LINK_KEEPING = ("ARP", "ICMPv6", "IGMP", "(discard)", "(DHCP)", "(DHCPv6)", "(NTP)", "(DNS)")


def polling(probe: Probe, seconds: float) -> Finding:
    """C07: what it sends in `seconds` while it is left alone, but for our own connection to it."""
    heard = probe.capture(seconds)
    found = spoken(heard.data, heard.mac)
    others = {name: count for name, count in found.items() if not name.endswith(_LINK_KEEPING)}
    total = sum(found.values())
    told = ", ".join(f"{name} {count}" for name, count in found.most_common(8)) or "nothing at all"
    return Finding(
        claim="C07",
        verdict=Verdict.PARTLY if others else Verdict.HOLDS,
        sentence=f"In {seconds:g} s it sent by itself: {told}. "
        + ("" if others else "Nothing of it goes to an update server. ")
        + "So short a time does not show what asks every 45 minutes.",
        values=(Value("captured", seconds, "s"), Value("frames sent", total)),
        method="A capture on the node's interface, without the connection that carries the capture itself.",
        evidence=tuple(f"{name}: {count} frames" for name, count in found.most_common(12)),
    )


def no_ssh(probe: Probe, scan: Callable[[], Sequence[int]], ports: str) -> Finding:
    """C15: the TCP ports that `scan` found open (it tried `ports`), and what the API gives for debugging."""
    open_ports = list(scan())
    began = time.monotonic()
    kernel = probe.kernel_log()
    kernel_seconds = time.monotonic() - began
    log = probe.service_log()
    heard = probe.capture(2.0)
    served = [len(kernel) > 0, len(log) > 0, len(heard.data) > 0]
    closed = SSH not in open_ports
    verdict = Verdict.HOLDS if closed and all(served) else Verdict.FAILS if not closed else Verdict.PARTLY
    return Finding(
        claim="C15",
        verdict=verdict,
        sentence=f"Open TCP ports of {ports}: {', '.join(map(str, open_ports)) or 'none'}. Through its API "
        f"or shell: {len(kernel)} B of kernel messages, {len(log)} B of a service's log, a capture whose "
        f"first byte came after {heard.first_byte_seconds:.2f} s.",
        values=(
            Value("open TCP ports", len(open_ports)),
            Value("to the first byte of a capture", heard.first_byte_seconds, "s"),
            Value("to all kernel messages", kernel_seconds, "s"),
        ),
        method="A TCP connection to each port; then kernel messages, a log, a capture.",
    )
