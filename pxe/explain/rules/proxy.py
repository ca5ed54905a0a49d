"""ProxyDHCP and the boot server on port 4011 (PXE 2.1 section 2.2)."""

from collections.abc import Iterator

from pxe.explain.evidence import Dhcp, Evidence
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.rules.talk import SECOND, offers, pxe_options, who
from pxe.explain.text import line
from pxe.wire.dhcp4 import Op

_PORT = 4011


def _asked(e: Evidence) -> list[Dhcp]:
    return [m for m in e.dhcp if m.packet.op == Op.REQUEST and m.dport == _PORT]


def _answered(e: Evidence, asked: Dhcp) -> list[Dhcp]:
    return [m for m in e.dhcp if m.from_server and m.t_ns >= asked.t_ns and m.packet.xid == asked.packet.xid]


@rule(
    "nobody-on-4011",
    Stage.BOOTFILE,
    seen="the client asks a server on port 4011, and nothing answers (or ICMP says that the port is closed)",
    sentence="{who} asks {server} on port 4011 and nobody listens there: its offer has option 60 "
    "`PXEClient` and no "
    "option 43.",
    cure="Send option 43 = 06 01 08 ff (boot from this offer), or leave option 60 out, or listen on 4011.",
    basis="PXE 2.1 section 2.2.4 (PXE-E55); EDK2 PxeBcDhcp4.c",
)
def nobody_on_4011(e: Evidence) -> Iterator[Hit]:
    """The classic trap: option 60 alone means `ask me again at 4011`."""
    for m in _asked(e):
        if not _answered(e, m):
            offer = next((o for o in offers(e) if m.destination in (o.server, o.next_server, o.source)), None)
            closed = [u for u in e.unreachable if u.dport == _PORT and u.destination == m.destination]
            evidence = [line(it) for it in (offer, m, *closed[:1]) if it is not None]
            yield hit(m.t_ns, *evidence, who=who(e), server=m.destination)


@rule(
    "4011-from-other-address",
    Stage.BOOTFILE,
    seen="the answer from port 4011 comes from another address than the request went to",
    sentence="{who} asked {asked} on port 4011, and the answer left from {source}: it is dropped.",
    cure="Bind the boot server to {asked}, or make it answer from the address that the request came to.",
    basis="RFC 1123 section 2.3; PXE 2.1 section 2.2.5",
)
def boot_server_other_address(e: Evidence) -> Iterator[Hit]:
    """A server with several addresses that answers from the wrong one."""
    for m in _asked(e):
        for answer in _answered(e, m):
            if answer.sport == _PORT and answer.source != m.destination:
                yield hit(
                    answer.t_ns, line(m), line(answer), who=who(e), asked=m.destination, source=answer.source
                )


@rule(
    "menu-waits",
    Stage.BOOTFILE,
    seen="the offer has a menu (43.9) with a prompt that never times out (43.10 = 255), and no file is "
    "asked for",
    sentence="{who} shows the boot menu of {server} and waits for a key: its time-out (option 43.10) is "
    "255, for ever.",
    cure="Set 43.10 to 0 s (boot at once), or send 43.6 = 08 so that the offered file is used.",
    basis="PXE 2.1 table 2-1 (PXE_MENU_PROMPT)",
)
def menu_waits(e: Evidence) -> Iterator[Hit]:
    """Nobody stands before a machine in a rack."""
    for m in offers(e):
        options = pxe_options(m)
        at_once = options.get(6, b"\0")[:1] not in (b"", b"\0") and options[6][0] & 8
        if 9 in options and options.get(10, b"")[:1] == b"\xff" and not at_once:
            last = max(o.t_ns for o in e.dhcp)
            yield hit(max(m.t_ns, last - SECOND), line(m), who=who(e, m), server=m.server)
