"""An offer came, and the firmware cannot use it."""

from collections.abc import Iterator

from pxe.explain.evidence import Dhcp, Evidence
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.rules.talk import (
    asker,
    discovers,
    gives_address,
    netboots,
    not_taken,
    offers,
    pxe_options,
    replies,
    requests,
    who,
)
from pxe.explain.text import line, shown
from pxe.plan import Firmware
from pxe.wire.dhcp4 import MessageType, Option

_BROADCAST = "255.255.255.255"
_LINK_BROADCAST = "ff:ff:ff:ff:ff:ff"
_UDP_IP = 28
_MIN_MESSAGE = 576


@rule(
    "offer-no-type",
    Stage.BOOTFILE,
    seen="an answer to a DISCOVER without option 53, after which the machine asks for no file",
    sentence="{who} ignored the answer of {server}: it has no option 53 (DHCP message type).",
    cure="Make {server} send option 53 in every answer, a proxyDHCP offer included.",
    basis="RFC 2131 section 3; EDK2 NetworkPkg/UefiPxeBcDxe/PxeBcDhcp4.c (taken for BOOTP)",
)
def offer_no_type(e: Evidence) -> Iterator[Hit]:
    """EDK2 takes it for BOOTP, which it uses last, and not at all where it gives no address."""
    for m in replies(e, None):
        asked = asker(e, m)
        if m.whole and asked is not None and asked.kind is MessageType.DISCOVER:
            yield hit(m.t_ns, line(m), who=who(e, m), server=m.server)


@rule(
    "offer-no-server-id",
    Stage.DHCP,
    seen="an OFFER without option 54 that the machine does not take",
    sentence="{who} did not take the offer of {server}: it has no option 54 (server identifier).",
    cure="Make {server} send option 54 with its own address.",
    basis="RFC 2131 table 3 (MUST)",
)
def offer_no_server_id(e: Evidence) -> Iterator[Hit]:
    """Without it no REQUEST can name the server."""
    for m in not_taken(e):
        if m.whole and m.kind is MessageType.OFFER and Option.SERVER_ID not in m.packet.options:
            yield hit(m.t_ns, line(m), who=who(e, m), server=m.source)


@rule(
    "offer-malformed",
    Stage.DHCP,
    seen="an answer whose options run over its end, or that is cut short",
    sentence="The answer of {server} to {mac} cannot be read: {reason}.",
    cure="Send fewer or shorter options, below 576 bytes in all; look for a relay or firewall that cuts it.",
    basis="RFC 2131 section 3; RFC 2132 section 2",
)
def offer_malformed(e: Evidence) -> Iterator[Hit]:
    """No client reads it either."""
    for m in e.malformed:
        evidence = f"frame {m.frame}: answer of {m.source}: {shown(m.reason)}"
        yield hit(m.t_ns, evidence, server=m.source, mac=e.mac, reason=shown(m.reason))


@rule(
    "offer-too-big",
    Stage.DHCP,
    seen="an offer larger than the client's option 57 allows, which it does not take",
    sentence="{who} takes messages of {most} bytes, and the offer of {server} has {size}: it drops it.",
    cure="Send fewer options, or honour the client's option 57 (maximum DHCP message size).",
    basis="RFC 2132 section 9.10",
)
def offer_too_big(e: Evidence) -> Iterator[Hit]:
    """The option counts the IP and UDP headers; EDK2 sends it with its bytes swapped in its REQUEST."""
    for m in not_taken(e):
        asked = asker(e, m)
        value = asked.packet.options.get(Option.MAX_MESSAGE_SIZE, b"") if asked is not None else b""
        most = max(int.from_bytes(value), _MIN_MESSAGE) if len(value) == 2 else 0
        if most and m.size + _UDP_IP > most:
            yield hit(m.t_ns, line(m), who=who(e, m), most=most, server=m.server, size=m.size + _UDP_IP)


@rule(
    "offer-wrong-xid",
    Stage.DHCP,
    seen="an answer with a transaction number that the machine did not send",
    sentence="{server} answers {mac} with transaction {xid:#010x}, which it never asked with: the answer is "
    "dropped.",
    cure="Look for a relay or server that mixes clients up, or one that answers long after the client gave "
    "up.",
    basis="RFC 2131 section 4.4.1",
)
def offer_wrong_xid(e: Evidence) -> Iterator[Hit]:
    """The transaction number tells a client its own answers."""
    known = {m.packet.xid for m in e.dhcp if not m.from_server}
    for m in replies(e):
        if known and m.whole and m.packet.xid not in known:
            yield hit(m.t_ns, line(m), server=m.server, mac=e.mac, xid=m.packet.xid)


@rule(
    "unicast-to-deaf",
    Stage.DHCP,
    seen="the client asks for broadcasts (flag 0x8000), the offer is unicast, and it asks again",
    sentence="{who} asked for a broadcast answer, and {server} sent its offer to {target} alone: it cannot "
    "hear it.",
    cure="Make the server honour the broadcast flag; `always-broadcast` or the like where it has that.",
    basis="RFC 2131 section 4.1",
)
def unicast_to_deaf(e: Evidence) -> Iterator[Hit]:
    """A stack without an address cannot take unicast."""
    for m in not_taken(e):
        asked = asker(e, m)
        if asked is None or not asked.whole or not m.destination or int(asked.packet.giaddr):
            continue
        if asked.wants_broadcast and m.destination != _BROADCAST:
            yield hit(m.t_ns, line(asked), line(m), who=who(e, m), server=m.server, target=m.destination)


@rule(
    "offer-to-wrong-mac",
    Stage.DHCP,
    seen="a unicast offer whose frame goes to another MAC than the client's, which it does not take",
    sentence="The offer of {server} for {mac} was sent to the card {target}: the machine never got it.",
    cure="Make the server broadcast its offers; clear a stale ARP entry for {ip} on it.",
    basis="RFC 2131 section 4.1 (unicast goes to chaddr)",
)
def offer_to_wrong_mac(e: Evidence) -> Iterator[Hit]:
    """An ARP entry of the address' last owner."""
    for m in not_taken(e):
        if m.destination_mac in ("", _LINK_BROADCAST, m.packet.mac) or int(m.packet.giaddr):
            continue
        yield hit(m.t_ns, line(m), server=m.server, mac=e.mac, target=m.destination_mac, ip=m.packet.yiaddr)


@rule(
    "relay-wrong-port",
    Stage.DHCP,
    seen="the answer to a relayed message goes to another port than 67, and the machine asks again",
    sentence="{server} answers the relay {relay} on port {port}: a relay listens on 67 only.",
    cure="Make the server answer relayed messages at giaddr, UDP port 67.",
    basis="RFC 2131 section 4.1",
)
def relay_wrong_port(e: Evidence) -> Iterator[Hit]:
    """To the relay agent as to a server."""
    for m in not_taken(e):
        relay = str(m.packet.giaddr)
        if int(m.packet.giaddr) and m.destination == relay and m.dport != 67:
            yield hit(m.t_ns, line(m), server=m.server, relay=relay, port=m.dport)


@rule(
    "no-option-60",
    Stage.BOOTFILE,
    seen="a proxyDHCP offer to a PXE client without option 60 PXEClient, after which it asks for no file",
    sentence="{who} passes over the boot offer of {server}: it has no option 60 `PXEClient`.",
    cure="Make {server} send option 60 = `PXEClient` in what it sends to PXE clients.",
    basis="PXE 2.1 section 2.2; EDK2 PxeBcDhcp4.c (PxeBcParseDhcp4Packet)",
)
def no_option_60(e: Evidence) -> Iterator[Hit]:
    """An offer that gives no address counts only with it."""
    for m in offers(e):
        said = m.packet.options.get(Option.VENDOR_CLASS, b"")
        if not m.whole or gives_address(m) or m.kind is None or said.startswith(b"PXEClient"):
            continue
        if firmware_is_pxe(e, m):
            yield hit(m.t_ns, line(m), who=who(e, m), server=m.server)


def firmware_is_pxe(e: Evidence, m: Dhcp) -> bool:
    """Whether the asker named itself PXEClient."""
    asked = asker(e, m)
    return asked is not None and asked.vendor_class.startswith("PXEClient")


@rule(
    "http-no-echo",
    Stage.BOOTFILE,
    seen="answers to an HTTPClient without option 60 `HTTPClient`, after which it asks for no file",
    sentence="UEFI HTTP boot ignored the offer of {server}: its option 60 is {said}, and must be "
    "`HTTPClient`.",
    cure="Make {server} answer clients whose option 60 begins with HTTPClient with option 60 = `HTTPClient`.",
    basis="UEFI 2.10 section 24.7.3; EDK2 NetworkPkg/HttpBootDxe/HttpBootDhcp4.c",
)
def http_no_echo(e: Evidence) -> Iterator[Hit]:
    """It wants to know that the server means HTTP boot."""
    for m in _to_http_client(e):
        if not m.vendor_class.startswith("HTTPClient"):
            yield hit(m.t_ns, line(m), server=m.server, said=shown(m.vendor_class) or "missing")


@rule(
    "http-not-url",
    Stage.BOOTFILE,
    seen="an HTTPClient is given a file name that is no URL, after which it asks for no file",
    sentence="UEFI HTTP boot was given {file} by {server}, which is no URL.",
    cure="Send a whole URL in option 67, such as http://{server}/boot.efi.",
    basis="UEFI 2.10 section 24.7.3.1; EDK2 HttpBootDhcp4.c",
)
def http_not_url(e: Evidence) -> Iterator[Hit]:
    """A bare name is for TFTP."""
    for m in _to_http_client(e):
        named = bool(m.bootfile) and not m.bootfile.lower().startswith(("http://", "https://"))
        if named and m.vendor_class.startswith("HTTPClient"):
            yield hit(m.t_ns, line(m), server=m.server, file=shown(m.bootfile))


@rule(
    "http-name-without-dns",
    Stage.BOOTFILE,
    seen="an HTTPClient gets a URL with a host name and no DNS server (option 6), and asks for no file",
    sentence="UEFI HTTP boot cannot look up {host}: the offer of {server} names no DNS server (option 6).",
    cure="Use the server's address in the URL, or send option 6 in the same offer.",
    basis="EDK2 HttpBootDhcp4.c (such an offer is never chosen)",
)
def http_name_without_dns(e: Evidence) -> Iterator[Hit]:
    """The offer that has the URL must have the name server, too."""
    for m in _to_http_client(e):
        host = m.bootfile.partition("://")[2].partition("/")[0].partition(":")[0]
        if host and not host.replace(".", "").isdigit() and Option.DNS_SERVER not in m.packet.options:
            yield hit(m.t_ns, line(m), server=m.server, host=shown(host))


def _to_http_client(e: Evidence) -> Iterator[Dhcp]:
    for m in offers(e):
        asked = asker(e, m)
        if m.whole and asked is not None and asked.vendor_class.startswith("HTTPClient"):
            yield m


@rule(
    "no-bootfile",
    Stage.BOOTFILE,
    seen="the machine has an address, or offers, and no answer to it names a file, a menu or boot servers",
    sentence="{who} was given {ip} by {server} and no file to boot: no option 67, no header field, no menu.",
    cure="Give the machine a plan, or make {server} send the file's name (option 67) for {who}.",
    basis="RFC 2132 section 9.5; PXE 2.1 section 2.2 (PXE-E53)",
)
def no_bootfile(e: Evidence) -> Iterator[Hit]:
    """U-Boot makes up a name, a Raspberry Pi has its own. EDK2 does not even take such an offer."""
    for m in (*replies(e, MessageType.ACK), *not_taken(e)[-1:]):
        if not netboots(e, m) or who(e, m) in ("U-Boot", "the Raspberry Pi") or m.sport == 4011:
            continue
        boot = [o for o in replies(e) if o.packet.xid == m.packet.xid or not gives_address(o)]
        if not any(o.bootfile or {8, 9} & set(pxe_options(o)) or _binl(o) for o in boot):
            yield hit(m.t_ns, line(m), who=who(e, m), ip=m.packet.yiaddr, server=m.server)


def _binl(m: Dhcp) -> bool:
    """Whether it sends the client to a boot server on port 4011."""
    return m.vendor_class.startswith("PXEClient") and not pxe_options(m)


@rule(
    "no-next-server",
    Stage.BOOTFILE,
    seen="the answer names a file and no TFTP server that this client reads, and it asks for no file",
    sentence="{who} got the file name {file} from {server} and no server to fetch it from: siaddr is 0.0.0.0"
    "{also}.",
    cure="Make {server} set siaddr (`next-server`) to the TFTP server's address; U-Boot reads nothing else.",
    basis="RFC 2131 section 2 (siaddr); U-Boot net/bootp.c (`serverip' not set)",
)
def no_next_server(e: Evidence) -> Iterator[Hit]:
    """U-Boot and iPXE read siaddr only; others option 66, or a boot server of option 43."""
    for m in replies(e, MessageType.ACK):
        if not m.whole or m.next_server or "://" in m.bootfile or not netboots(e, m):
            continue
        strict = who(e, m) in ("U-Boot", "iPXE")
        named = m.packet.options.get(Option.TFTP_SERVER_NAME) or m.packet.sname or 8 in pxe_options(m)
        if (m.bootfile or who(e, m) == "U-Boot") and (strict or not named):
            also = f", and {who(e, m)} does not read option 66" if named else ""
            file = shown(m.bootfile) or "(none)"
            yield hit(m.t_ns, line(m), who=who(e, m), file=file, server=m.server, also=also)


@rule(
    "proxy-only",
    Stage.DHCP,
    seen="offers of proxyDHCP servers only: none has an address",
    sentence="Only the proxyDHCP server {server} answers {mac}: nobody gives it an address.",
    cure="Start the DHCP server beside which {server} works, or let {server} give addresses (`mode: "
    "server`).",
    basis="PXE 2.1 section 2.2.3",
)
def proxy_only(e: Evidence) -> Iterator[Hit]:
    """Half of an answer."""
    heard = offers(e)
    whole = [m for m in heard if m.whole]
    if whole and not requests(e) and len(discovers(e)) > 1 and not any(map(gives_address, heard)):
        yield hit(whole[-1].t_ns, line(whole[-1]), server=whole[-1].server, mac=e.mac)


@rule(
    "pi-no-option-43",
    Stage.BOOTFILE,
    seen='a Raspberry Pi gets offers with neither "Raspberry Pi Boot" in option 43 nor option 66, and asks '
    "for "
    "no file",
    sentence='The Raspberry Pi {mac} ignored the offer of {server}: option 43 does not say "Raspberry Pi '
    'Boot".',
    cure='Send option 43 = 06 01 03 0a 04 00 "PXE" 09 14 00 00 11 "Raspberry Pi Boot" ff (or option 66).',
    basis="Raspberry Pi documentation, boot-net.adoc; rpi-eeprom release notes",
)
def pi_no_option_43(e: Evidence) -> Iterator[Hit]:
    """Its boot ROM boots from nobody else."""
    for m in offers(e):
        asked = asker(e, m)
        if not m.whole or asked is None or asked.firmware is not Firmware.RASPBERRY_PI:
            continue
        options = m.packet.options
        said = options.get(Option.VENDOR_SPECIFIC, b"")
        if b"Raspberry Pi Boot" not in said and Option.TFTP_SERVER_NAME not in options:
            yield hit(m.t_ns, line(m), mac=e.mac, server=m.server)


@rule(
    "offer-not-taken",
    Stage.DHCP,
    seen="offers without a fault that we know, and no REQUEST",
    sentence="{who} was offered {ip} by {server} {count} times and did not take it.",
    cure="Compare the offer with one that the machine takes (`bootlab timeline`), and see its console.",
    basis="RFC 2131 section 3.1",
    vague=True,
)
def offer_not_taken(e: Evidence) -> Iterator[Hit]:
    """Nothing of what we look for is wrong with them. A Pi 3 never sends REQUEST."""
    missed = not_taken(e)
    if len(missed) > 1 and who(e, missed[-1]) != "the Raspberry Pi":
        last = missed[-1]
        values = {"who": who(e, last), "ip": last.packet.yiaddr, "server": last.server, "count": len(missed)}
        yield hit(last.t_ns, line(missed[0]), line(last), **values)
