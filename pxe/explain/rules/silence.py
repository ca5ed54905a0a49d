"""Nobody answers: what the machine asked for an address, and what came of it."""

import re
from collections.abc import Iterator

from pxe.boot.record import QUIET_NS
from pxe.explain.evidence import Evidence
from pxe.explain.finding import Severity
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.rules.talk import SECOND, discovers, offers, replies
from pxe.explain.text import line, shown
from pxe.plan import Firmware

# How firmware says on its console that it asks for an address: U-Boot, iPXE, EDK2, a PXE ROM.
_ASKING = re.compile(
    r"BOOTP broadcast (\d+)|Configuring \(net\d|>>Start (?:PXE|HTTP Boot) over IPv4|DHCP\.\.\."
)
_LATE_SECONDS = 8
_PROMPT_NS = 2 * SECOND


@rule(
    "no-discover",
    Stage.LINK,
    seen="the console says that the firmware asks for an address, and no DHCP message of the machine was "
    "heard",
    sentence="{mac} says on its console that it asks for an address ({line}), and nothing reached this "
    "network.",
    cure="Check cable, switch port, VLAN, and that the server (or the capture) is on the machine's own "
    "network.",
    basis="RFC 2131 section 3.1",
)
def no_discover(e: Evidence) -> Iterator[Hit]:
    """It asks, and is not heard."""
    asking = [it for it in e.console if _ASKING.search(it.text)]
    if asking and not e.dhcp and not e.ignored:
        yield hit(asking[-1].t_ns, line(asking[-1]), mac=e.mac, line=shown(asking[-1].text.strip()))


@rule(
    "never-asked",
    Stage.LINK,
    seen="nothing of the machine at all: no DHCP, no file, no word of asking on its console",
    sentence="{mac} sent nothing that belongs to a network boot in {seconds:.0f} s.",
    cure="Check that it has power, that network boot comes first in its boot order, and its MAC address.",
    basis="UEFI 2.10 section 3.1 (boot order)",
    vague=True,
)
def never_asked(e: Evidence) -> Iterator[Hit]:
    """It did not even ask."""
    seen = e.dhcp or e.malformed or e.transfers or e.http or e.ignored
    if not seen and e.network.seconds and not any(_ASKING.search(it.text) for it in e.console):
        yield hit(0, *map(line, e.console[-2:]), mac=e.mac, seconds=e.network.seconds)


@rule(
    "link-late",
    Stage.LINK,
    seen="the first DISCOVER heard says that the machine has been asking for 8 s or more (its field secs), "
    "or "
    "is the third that its console tells of",
    sentence="The first DISCOVER of {mac} that came through was sent {late} after it began to ask: the "
    "switch "
    "port passes nothing for that long.",
    cure="Switch spanning tree on that port to edge (portfast), or RSTP; check the time of link negotiation.",
    basis="IEEE 802.1D section 17 (forward delay, 2 x 15 s); RFC 2131 section 2 (secs)",
    severity=Severity.WARNING,
)
def link_late(e: Evidence) -> Iterator[Hit]:
    """U-Boot's secs is the time since its own start, and an operating system's says nothing of the port."""
    first = next(iter(discovers(e)), None)
    if first is None:
        return
    if (
        first.whole
        and first.packet.secs >= _LATE_SECONDS
        and first.firmware not in (Firmware.UBOOT, Firmware.OS)
    ):
        yield hit(first.t_ns, line(first), mac=e.mac, late=f"{first.packet.secs} s")
        return
    tries = [m for it in e.console if it.t_ns < first.t_ns for m in _ASKING.findall(it.text) if m]
    if tries and int(tries[-1][-4:]) >= 3:
        yield hit(first.t_ns, line(first), mac=e.mac, late=f"{int(tries[-1][-4:]) - 1} tries")


@rule(
    "slow-offer",
    Stage.DHCP,
    seen="two DISCOVERs or more over 8 s without an offer, then one that is answered within 2 s",
    sentence="{mac} waited {seconds:.0f} s for an offer: {count} DISCOVERs had no answer before that of "
    "{server}.",
    cure="If the server did not see them either, set the switch port to edge (portfast); else see why it was "
    "slow: a probe of the address, a relay that comes up late.",
    basis="IEEE 802.1D section 17; RFC 2131 section 4.4.1",
    severity=Severity.WARNING,
)
def slow_offer(e: Evidence) -> Iterator[Hit]:
    """A gap at the beginning, then all is well."""
    first = next((m for m in offers(e)), None)
    if first is None:
        return
    lost = [m for m in discovers(e) if m.t_ns < first.t_ns]
    if len(lost) < 3 or first.t_ns - lost[-1].t_ns > _PROMPT_NS:
        return
    waited = first.t_ns - lost[0].t_ns
    if waited >= _LATE_SECONDS * SECOND:
        count = len(lost) - 1
        yield hit(
            first.t_ns,
            line(lost[0]),
            line(first),
            mac=e.mac,
            seconds=waited / 1e9,
            count=count,
            server=first.server,
        )


@rule(
    "no-offer-to-anybody",
    Stage.DHCP,
    seen="DISCOVERs, and not one answer of a DHCP server to anybody",
    sentence="{mac} sent {count} DISCOVERs, and no DHCP server answers anybody here.",
    cure="Start the DHCP server; check its interface, its firewall (UDP 67) and the relay before it.",
    basis="RFC 2131 section 3.1",
    vague=True,
)
def no_offer_to_anybody(e: Evidence) -> Iterator[Hit]:
    """Nothing came, and nobody else got anything either."""
    asked = discovers(e)
    if asked and not replies(e) and not e.network.servers and not e.ignored and not e.network.ours:
        yield hit(asked[-1].t_ns, line(asked[0]), mac=e.mac, count=len(asked))


@rule(
    "no-offer-to-this-machine",
    Stage.DHCP,
    seen="DISCOVERs without an answer, while a server answers others",
    sentence="{mac} sent {count} DISCOVERs without an answer, while {server} answers other machines.",
    cure="Look in that server's log for {mac}: it does not know the machine, its pool is used up, or a rule "
    "leaves the machine out.",
    basis="RFC 2131 section 4.3.1",
    vague=True,
)
def no_offer_to_this_machine(e: Evidence) -> Iterator[Hit]:
    """The server lives, and leaves this one out."""
    asked = discovers(e)
    others = e.network.servers or ({e.network.ours: 1} if e.network.ours else {})
    relayed = any(int(m.packet.giaddr) for m in asked)
    if asked and others and not replies(e) and not e.ignored and not relayed:
        server = max(others, key=lambda name: others[name])
        yield hit(asked[-1].t_ns, line(asked[0]), line(asked[-1]), mac=e.mac, count=len(asked), server=server)


@rule(
    "relay-unknown",
    Stage.DHCP,
    seen="relayed DISCOVERs (giaddr is set) without an answer",
    sentence="The DISCOVERs of {mac} come through the relay {relay}, and no server answers them: none has a "
    "subnet "
    "with {relay} in it.",
    cure="Give the server a subnet that holds {relay} (`subnets` of `service.dhcp`), and a route back to it.",
    basis="RFC 2131 section 4.3.1; RFC 1542 section 4.1",
)
def relay_unknown(e: Evidence) -> Iterator[Hit]:
    """The relay's address chooses the subnet."""
    relayed = [m for m in discovers(e) if int(m.packet.giaddr)]
    if relayed and not replies(e) and not e.ignored:
        yield hit(relayed[-1].t_ns, line(relayed[0]), mac=e.mac, relay=relayed[0].packet.giaddr)


@rule(
    "takes-nothing-more",
    Stage.FILES,
    seen="our service is still sending a file, and for 30 s not one more byte of it was acknowledged",
    sentence="{mac} takes nothing more of {file}: {sent} of {size} bytes arrived.",
    cure="Look at its console, or switch it off and on; then check its link and its memory.",
    basis="docs/page.md; RFC 9293 section 3.8.6 (zero window)",
    vague=True,
)
def takes_nothing_more(e: Evidence) -> Iterator[Hit]:
    """Before the service gives the transfer up: the machine may go on yet."""
    it = e.silence
    if it is not None and it.file and it.t_ns - it.since_ns > QUIET_NS:
        seen = f"event: {shown(it.file)} began, and did not end"
        yield hit(it.since_ns, seen, mac=e.mac, file=shown(it.file), sent=it.sent, size=it.size)


@rule(
    "fell-silent",
    Stage.LOADER,
    seen="our service heard nothing of the machine for 30 s, and it has not all that its plan boots with",
    sentence="{mac} says nothing more since its {step}, {seconds:.1f} s after it began to boot.",
    cure="Look at its console, or switch it off and on: what it loaded last may not have started.",
    basis="docs/page.md",
    vague=True,
)
def fell_silent(e: Evidence) -> Iterator[Hit]:
    """Nothing goes wrong on the wire: it simply does not go on."""
    it = e.silence
    if it is not None and not it.file and it.t_ns - it.since_ns > QUIET_NS:
        seen = f"event: the last of its {it.step}"
        yield hit(it.since_ns, seen, mac=e.mac, step=it.step, seconds=it.after_ns / 1e9)
