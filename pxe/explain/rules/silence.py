"""Nobody answers: what the machine asked for an address, and what came of it."""

from collections.abc import Iterator

from pxe.explain.evidence import Dhcp, Evidence
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.text import line
from pxe.wire.dhcp4 import MessageType


def discovers(e: Evidence) -> list[Dhcp]:
    """The machine's DISCOVERs."""
    return [m for m in e.dhcp if not m.from_server and m.kind is MessageType.DISCOVER]


def answers(e: Evidence) -> list[Dhcp]:
    """All that servers sent to it."""
    return [m for m in e.dhcp if m.from_server]


@rule(
    "no-offer-to-anybody",
    Stage.DHCP,
    seen="DISCOVERs, and not one answer of a DHCP server to anybody",
    sentence="{mac} sent {count} DISCOVERs and no DHCP server answers anybody here.",
    cure="Start the DHCP server; check its interface, its firewall (UDP 67) and the relay before it.",
    basis="RFC 2131 section 3.1",
    vague=True,
)
def no_offer_to_anybody(e: Evidence) -> Iterator[Hit]:
    """Nothing came, and nobody else got anything either."""
    asked = discovers(e)
    if asked and not answers(e) and not e.network.servers and not e.ignored:
        yield hit(asked[-1].t_ns, line(asked[0]), mac=e.mac, count=len(asked))
