"""The machine chose an offer: who answers its REQUEST, and with what address."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from pxe.explain.evidence import Dhcp, Evidence
from pxe.explain.finding import Severity
from pxe.explain.progress import acks
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.rules.talk import (
    SECOND,
    after,
    asker,
    gives_address,
    netboots,
    offers,
    replies,
    requests,
    sent,
    who,
)
from pxe.explain.text import line, shown
from pxe.wire.dhcp4 import MessageType, Option

_ANSWER_NS = 2 * SECOND


@rule(
    "took-other-offer",
    Stage.BOOTFILE,
    seen="two servers offer addresses; the one that the machine chose names no file, the other did",
    sentence="{mac} took the address of {taken}, which has nothing to boot, and not the offer of {other} "
    "with {file}.",
    cure="Two DHCP servers answer here: stop one, or run {other} as proxyDHCP beside {taken} (`mode: "
    "proxy`).",
    basis="RFC 2131 section 3.1 (the client chooses)",
)
def took_other_offer(e: Evidence) -> Iterator[Hit]:
    """Whoever is quicker wins."""
    for m in requests(e):
        taken = m.option_address(Option.SERVER_ID)
        given = [o for o in offers(e) if o.t_ns < m.t_ns and gives_address(o)]
        chosen = [o for o in given if o.server == taken]
        better = [o for o in given if o.server != taken and o.bootfile]
        if chosen and better and not any(o.bootfile for o in chosen):
            evidence = line(chosen[-1]), line(better[-1]), line(m)
            values = {
                "mac": e.mac,
                "taken": taken,
                "other": better[-1].server,
                "file": shown(better[-1].bootfile),
            }
            yield hit(m.t_ns, *evidence, **values)


@rule(
    "two-dhcp-servers",
    Stage.DHCP,
    seen="two servers offer addresses to one machine, or it took the offer of another server than ours",
    sentence="Two DHCP servers give addresses to {mac}: {one} and {other}.",
    cure="Stop one of them, or use `mode: proxy` beside it; `bootlab doctor` looks for others.",
    basis="RFC 2131 section 3.1",
    severity=Severity.WARNING,
)
def two_dhcp_servers(e: Evidence) -> Iterator[Hit]:
    """Which of them wins is a matter of luck."""
    given = [m for m in offers(e) if gives_address(m)]
    names = list(dict.fromkeys(m.server for m in given))
    if len(names) > 1:
        other = next(m for m in given if m.server == names[1])
        yield hit(other.t_ns, line(given[0]), line(other), mac=e.mac, one=names[0], other=names[1])
        return
    for m in requests(e):
        taken = m.option_address(Option.SERVER_ID)
        if not m.whole and taken and e.network.ours:
            yield hit(m.t_ns, line(m), mac=e.mac, one=e.network.ours, other=taken)


@rule(
    "request-unanswered",
    Stage.DHCP,
    seen="a REQUEST that no ACK or NAK follows, and the machine asks again",
    sentence="{who} asked {server} for {ip}, which it had offered, and {server} did not answer.",
    cure="See the log of {server}; check that it is the server that offered, and that it can write its "
    "leases.",
    basis="RFC 2131 section 4.3.2",
)
def request_unanswered(e: Evidence) -> Iterator[Hit]:
    """Offered, and then forgotten."""
    for m in requests(e):
        server, ip = m.option_address(Option.SERVER_ID), m.packet.address(Option.REQUESTED_IP)
        if not m.whole or not server or ip is None:
            continue
        later = list(after(e, m.t_ns))
        asked_again = any(not o.from_server for o in later)
        if asked_again and not any(o.from_server and o.kind is not MessageType.OFFER for o in later):
            yield hit(m.t_ns, line(m), who=who(e), server=server, ip=ip)


@rule(
    "nak-loop",
    Stage.DHCP,
    seen="two NAKs or more, and no ACK",
    sentence="{server} refused {mac} its address {count} times (NAK){why}.",
    cure="Remove the stale lease or reservation of {mac} on {server}; look for two servers that share a "
    "range.",
    basis="RFC 2131 section 4.3.2",
)
def nak_loop(e: Evidence) -> Iterator[Hit]:
    """One NAK is normal: a machine that remembers an address of another network."""
    naks = [m for m in replies(e, MessageType.NAK) if not m.whole or _chose(e, m)]
    if len(naks) > 1:
        last = naks[-1]
        said = shown(last.packet.options.get(Option.MESSAGE, b"").decode("ascii", "backslashreplace"))
        why = f": {said}" if said else ""
        yield hit(
            last.t_ns, line(naks[0]), line(last), server=last.server, mac=e.mac, count=len(naks), why=why
        )


def _chose(e: Evidence, nak: Dhcp) -> bool:
    """Whether the machine had an offer, and was refused all the same."""
    asked = asker(e, nak)
    return asked is not None and Option.SERVER_ID in asked.packet.options


@rule(
    "foreign-lease",
    Stage.DHCP,
    seen="the machine wants an address back that a server refuses, and does not ask anew",
    sentence="{mac} insists on {ip} from an earlier network, and {server} refuses it (NAK).",
    cure="Clear the machine's remembered lease, or move it to the network of that address.",
    basis="RFC 2131 section 4.3.2 (INIT-REBOOT)",
)
def foreign_lease(e: Evidence) -> Iterator[Hit]:
    """It should send DISCOVER after the NAK."""
    naks = replies(e, MessageType.NAK)
    for m in requests(e):
        ip = m.packet.address(Option.REQUESTED_IP)
        refused = next((n for n in naks if n.t_ns > m.t_ns and n.packet.xid == m.packet.xid), None)
        if refused is None or ip is None or Option.SERVER_ID in m.packet.options or not m.whole:
            continue
        if not any(o.kind is MessageType.DISCOVER for o in after(e, refused.t_ns)):
            yield hit(refused.t_ns, line(m), line(refused), mac=e.mac, ip=ip, server=refused.server)


@rule(
    "address-declined",
    Stage.DHCP,
    seen="a DECLINE: the machine found somebody else at the address that it was given",
    sentence="{mac} declined {ip}: {holder} already uses it.",
    cure="Find that machine (it has the address by hand), or take {ip} out of the pool of {server}.",
    basis="RFC 2131 section 4.4.1; RFC 5227 section 2.1",
)
def address_declined(e: Evidence) -> Iterator[Hit]:
    """It looked before it used it."""
    for m in sent(e, MessageType.DECLINE):
        ip = m.packet.address(Option.REQUESTED_IP)
        holder = next((a.mac for a in e.arp if a.ip == str(ip)), "another machine")
        server = m.option_address(Option.SERVER_ID) or "the server"
        yield hit(m.t_ns, line(m), mac=e.mac, ip=ip or "its address", holder=holder, server=server)


@rule(
    "address-conflict",
    Stage.FILES,
    seen="another MAC says by ARP that it has the machine's address",
    sentence="{other} answers ARP for {ip}, the address of {mac}: what is sent to it goes to the wrong "
    "machine.",
    cure="Find {other} and give it another address, or take {ip} out of the pool.",
    basis="RFC 5227 section 2",
)
def address_conflict(e: Evidence) -> Iterator[Hit]:
    """Files for one machine go to the other."""
    left = {m.packet.address(Option.REQUESTED_IP) for m in sent(e, MessageType.DECLINE)}
    used = [m for m in (*offers(e), *acks(e)) if gives_address(m) and m.packet.yiaddr not in left]
    given = {str(m.packet.yiaddr): m for m in used}
    for arp in e.arp:
        if arp.ip in given and arp.t_ns >= given[arp.ip].t_ns - 60 * SECOND:
            t_ns = max(arp.t_ns, given[arp.ip].t_ns)
            yield hit(t_ns, line(given[arp.ip]), line(arp), other=arp.mac, ip=arp.ip, mac=e.mac)


@rule(
    "wrong-subnet",
    Stage.FILES,
    seen="the address given is not in one network (option 1) with the server on the same link",
    sentence="{mac} got {ip}/{prefix} from {server}, which is not in that network: they cannot reach each "
    "other.",
    cure="Correct the subnet mask or the range of the server; for a machine behind a relay, the relay's "
    "subnet.",
    basis="RFC 2131 section 4.3.1; RFC 2132 section 3.3",
)
def wrong_subnet(e: Evidence) -> Iterator[Hit]:
    """Nobody relayed, so both ends are on one link."""
    for m in acks(e):
        network = _network(m)
        if network is None or int(m.packet.giaddr) or Option.ROUTER in m.packet.options or not netboots(e, m):
            continue
        if m.server and IPv4Address(m.server) not in network:
            prefix = network.prefixlen
            yield hit(m.t_ns, line(m), mac=e.mac, ip=m.packet.yiaddr, prefix=prefix, server=m.server)


@rule(
    "server-out-of-reach",
    Stage.FILES,
    seen="the TFTP server (siaddr) is in another network, and the answer names no router",
    sentence="{who} shall fetch from {next}, which is outside of {network}, and {server} names no router "
    "(option 3).",
    cure="Send option 3 (router), or set `next-server` to a server in {network}.",
    basis="RFC 2132 section 3.5",
)
def server_out_of_reach(e: Evidence) -> Iterator[Hit]:
    """Without a router nothing leaves the network."""
    for m in acks(e):
        network = _network(m)
        if network is None or not m.next_server or Option.ROUTER in m.packet.options or not netboots(e, m):
            continue
        if IPv4Address(m.next_server) not in network and IPv4Address(m.server) in network:
            values = {"who": who(e, m), "next": m.next_server, "network": network, "server": m.server}
            yield hit(m.t_ns, line(m), **values)


def _network(m: Dhcp) -> IPv4Network | None:
    """The network that the answer puts the machine in; None where it does not say, or nonsense."""
    mask = m.packet.address(Option.SUBNET_MASK)
    if mask is None or not m.whole or not m.server[:1].isdigit():
        return None
    try:
        return IPv4Network(f"{m.packet.yiaddr}/{mask}", strict=False)
    except ValueError:
        return None


@rule(
    "dhcp-from-other-address",
    Stage.DHCP,
    seen="the answer comes from another address than its option 54 says, on the same link, and is not taken",
    sentence="{who} did not take the offer of {server}: it left from {source}, another address of that "
    "server.",
    cure="Bind the server to the address that it names, or set its server identifier to {source}.",
    basis="RFC 2131 section 4.1; RFC 1123 section 2.3",
)
def dhcp_from_other_address(e: Evidence) -> Iterator[Hit]:
    """A server with several addresses that answers from the wrong one."""
    taken = {m.option_address(Option.SERVER_ID) for m in requests(e)}
    for m in offers(e):
        if not m.whole or int(m.packet.giaddr) or Option.SERVER_ID not in m.packet.options:
            continue
        if m.source != m.server and m.server not in taken:
            yield hit(m.t_ns, line(m), who=who(e, m), server=m.server, source=m.source)


@rule(
    "booted-elsewhere",
    Stage.FILES,
    seen="files came from another server than the one that the machine's DHCP answer names",
    sentence="{mac} booted well, but {file} came from {actual}, not from {named}, which DHCP names.",
    cure="If {actual} should not serve here, stop it; else correct `next-server`.",
    basis="RFC 2131 section 2 (siaddr)",
    severity=Severity.WARNING,
)
def booted_elsewhere(e: Evidence) -> Iterator[Hit]:
    """A second TFTP server, or a name in a script that leads there."""
    heard = [m for m in replies(e) if m.whole]
    named = {m.next_server for m in heard if m.next_server}
    allowed = named | {m.server for m in heard} | {m.source for m in heard}
    allowed |= {m.packet.options.get(Option.TFTP_SERVER_NAME, b"").decode("ascii", "replace") for m in heard}
    for transfer in e.transfers:
        if named and transfer.done and transfer.server not in allowed:
            file, last = shown(transfer.name), next(iter(sorted(named)))
            yield hit(transfer.t_ns, line(transfer), mac=e.mac, file=file, actual=transfer.server, named=last)
            return
