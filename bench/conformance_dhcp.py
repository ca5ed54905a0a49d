"""The DHCP rules of bench.conformance, each with its source: an RFC, PXE 2.1, or a firmware that needs it."""

from bench.conformance_probe import ANYBODY, SERVER, UEFI, Optional, Probe, Rule, need
from lab.testing.firmware import ipxe
from lab.testing.firmware.machine import EVERYBODY, Steps
from lab.testing.firmware.message import (
    ACK,
    BROADCAST,
    DECLINE,
    DISCOVER,
    INFORM,
    NAK,
    NAMES,
    OFFER,
    RELEASE,
    REQUEST,
    Options,
    items,
    packed,
)

OFF_LINK = "192.0.2.9"
UBOOT_WANTED = bytes((1, 3, 6, 12, 17))


def types_and_server(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER)
    need(offer.server, "no option 54")
    need(offer.order[0] == 53, f"option {offer.order[0]} comes before 53")
    need(51 in offer.options, "no lease time (51)")


def header(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER)
    need(offer.flags == BROADCAST, f"flags are {offer.flags:04x} instead of 8000")
    need(offer.yiaddr != ANYBODY and offer.ciaddr == ANYBODY, "yiaddr or ciaddr is wrong")
    need(offer.size >= 300, f"{offer.size} bytes: less than BOOTP's 300")


def uuid(probe: Probe) -> Steps[None]:
    ack = yield from probe.lease()
    need(ack.options.get(97) == dict(probe.said())[97], "option 97 does not come back")


def client_id(probe: Probe) -> Steps[None]:
    own = b"\xff\0\1\2\3conformance"
    offer = yield from probe.ask(DISCOVER, [*probe.said(), (61, own)], OFFER)
    need(offer.options.get(61) == own, "option 61 does not come back")


def broadcast(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER)
    need(offer.to == EVERYBODY, f"sent to {offer.to}, which the client cannot hear yet")


def unicast(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER, flags=0)
    if offer.to == EVERYBODY:
        raise Optional("broadcast all the same: every client takes it")
    need(offer.to == offer.yiaddr, f"sent to {offer.to}, not to yiaddr {offer.yiaddr}")


def uboot_header(probe: Probe) -> Steps[None]:
    ack = yield from probe.lease([(57, b"\2\x40"), *probe.said(22, b"U-Boot.armv8")[3:], (55, UBOOT_WANTED)])
    need(ack.siaddr != ANYBODY, "siaddr is 0: U-Boot says `serverip' not set")
    need(ack.file == b"boot.scr.uimg", f"the header's file is {ack.file!r}")


def no_trap(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER)
    direct = any(code in offer.pxe() for code in range(6, 11))
    need(not offer.is_pxe or direct, "60 = PXEClient without 43: EDK2 turns to port 4011")


def unasked_boot_file(probe: Probe) -> Steps[None]:
    said = [(code, value) for code, value in probe.said() if code != 55]
    offer = yield from probe.ask(DISCOVER, [*said, (55, bytes((1, 3)))], OFFER)
    need(offer.bootfile, "no boot file for a client that asks for 1 and 3 alone")


def http_client(probe: Probe) -> Steps[None]:
    said = probe.said(16, b"HTTPClient:Arch:00016:UNDI:003000")
    offer = yield from probe.ask(DISCOVER, said, OFFER)
    need(offer.options.get(60, b"").startswith(b"HTTPClient"), "option 60 is not HTTPClient: EDK2 drops it")
    need(offer.bootfile.startswith("http://"), f"no URL but {offer.bootfile!r}")


def ipxe_says(probe: Probe) -> Options:
    return ipxe.options(b"\0\7", UEFI, b"\1\3\x0a", ipxe.EFI_FEATURES, probe.mac, bytes(16))


def no_loop(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, ipxe_says(probe), OFFER)
    need(offer.bootfile.endswith("boot.ipxe"), f"iPXE is given {offer.bootfile!r}")


def no_proxy_wait(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, ipxe_says(probe), OFFER)
    own = dict(items(offer.options.get(175, b"")))
    need(any(own.get(176, b"")), "no 175.176: iPXE waits two seconds for a proxy")


def relayed(probe: Probe) -> Steps[None]:
    relay, agent = probe.relay, b"\x01\x04port\x02\x06\2\0\0\0\0\7"
    probe.address, probe.prefix = relay, 16
    offer = yield from probe.ask(
        DISCOVER,
        [*probe.said(), (82, agent)],
        OFFER,
        giaddr=relay,
        hops=1,
        to=(probe.server, SERVER),
        port=SERVER,
    )
    need(offer.to == relay and offer.giaddr == relay, f"sent to {offer.to}, not to the relay {relay}")
    need(offer.options.get(82) == agent, "option 82 does not come back as it was")
    need(offer.order[-1] == 82, "option 82 is not the last")


def nak_selecting(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER)
    wrong: Options = [(54, packed(offer.server)), (50, packed(OFF_LINK))]
    nak = yield from probe.ask(REQUEST, [*wrong, *probe.said()], NAK, flags=0)
    need(nak.to == EVERYBODY, f"the NAK is sent to {nak.to}")
    need(nak.yiaddr == ANYBODY and nak.server, "yiaddr in the NAK, or no option 54")


def nak_init_reboot(probe: Probe) -> Steps[None]:
    yield from probe.ask(REQUEST, [(50, packed(OFF_LINK)), *probe.said()], NAK)


def init_reboot_keeps(probe: Probe) -> Steps[None]:
    ack = yield from probe.lease()
    again = yield from probe.ask(REQUEST, [(50, packed(ack.yiaddr)), *probe.said()], ACK)
    need(again.yiaddr == ack.yiaddr, f"{again.yiaddr} instead of {ack.yiaddr}")


def other_server(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER)
    theirs: Options = [(54, packed(OFF_LINK)), (50, packed(offer.yiaddr))]
    probe.send_dhcp(REQUEST, [*theirs, *probe.said()])
    answer = yield from probe.listen(probe.after(1.0))
    need(answer is None, f"answers {NAMES.get(answer.kind, '?') if answer else ''}")


def inform(probe: Probe) -> Steps[None]:
    ack = yield from probe.lease()
    to = (ack.server, SERVER)
    answer = yield from probe.ask(INFORM, probe.said(), ACK, ciaddr=ack.yiaddr, to=to)
    need(answer.yiaddr == ANYBODY, "yiaddr in the answer to INFORM")
    need(51 not in answer.options, "a lease time in the answer to INFORM")
    need(answer.to == ack.yiaddr, f"sent to {answer.to}, not to ciaddr")


def renew(probe: Probe) -> Steps[None]:
    ack = yield from probe.lease()
    to = (ack.server, SERVER)
    again = yield from probe.ask(REQUEST, probe.said(), ACK, ciaddr=ack.yiaddr, to=to, flags=0)
    need(again.yiaddr == ack.yiaddr and again.to == ack.yiaddr, f"{again.yiaddr}, sent to {again.to}")


def rebind(probe: Probe) -> Steps[None]:
    ack = yield from probe.lease()
    again = yield from probe.ask(REQUEST, probe.said(), ACK, ciaddr=ack.yiaddr, flags=0)
    need(again.yiaddr == ack.yiaddr, f"{again.yiaddr} instead of {ack.yiaddr}")


def decline(probe: Probe) -> Steps[None]:
    ack = yield from probe.lease()
    probe.send_dhcp(DECLINE, [(54, packed(ack.server)), (50, packed(ack.yiaddr))])
    probe.address = ""
    yield from probe.pause(0.3)
    probe.xid += 1
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER)
    need(offer.yiaddr != ack.yiaddr, f"offers {ack.yiaddr} again")


def release(probe: Probe) -> Steps[None]:
    ack = yield from probe.lease()
    probe.send_dhcp(RELEASE, [(54, packed(ack.server))], ciaddr=ack.yiaddr, to=(ack.server, SERVER))
    answer = yield from probe.listen(probe.after(0.5))
    need(answer is None, "answers a RELEASE")


def big_size(probe: Probe) -> Steps[None]:
    said: Options = [(57, b"\xff\0"), *(pair for pair in probe.said() if pair[0] != 57)]
    offer = yield from probe.ask(DISCOVER, said, OFFER)
    need(offer.size <= 1472 and 52 not in offer.options, f"{offer.size} bytes")


def small_size(probe: Probe) -> Steps[None]:
    said: Options = [(57, (576).to_bytes(2)), *(pair for pair in probe.said() if pair[0] != 57)]
    offer = yield from probe.ask(DISCOVER, said, OFFER)
    need(offer.size <= 548, f"{offer.size} bytes of UDP for a client that takes 576 of IP")


def no_overload(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER)
    need(52 not in offer.options, "option 52: few boot ROMs look into file and sname for options")


def timers(probe: Probe) -> Steps[None]:
    ack = yield from probe.lease()
    lease, t1, t2 = (int.from_bytes(ack.options.get(code, b"")) for code in (51, 58, 59))
    if not t1 or not t2:
        raise Optional("none: the client takes its own")
    need(t1 < t2 < lease, f"T1 {t1}, T2 {t2}, lease {lease}")


def garbage(probe: Probe) -> Steps[None]:
    probe.send_dhcp(DISCOVER, [(55, b"\1"), (60, b"x" * 200)], size=0)
    damaged = probe._datagrams.pop()
    for cut in (100, 240, 244, len(damaged.data) - 150):
        probe._datagrams.append(type(damaged)(damaged.port, damaged.peer, damaged.data[:cut]))
    yield from probe.pause(0.3)
    yield from probe.ask(DISCOVER, probe.said(), OFFER)


def one_of_many_archs(probe: Probe) -> Steps[None]:
    said = [(code, b"\x12\x34\0\7" if code == 93 else value) for code, value in probe.said()]
    answer = yield from probe.maybe(DISCOVER, said)
    if answer is None or not answer.bootfile:
        raise Optional("only the first code counts")


def unasked_nothing(probe: Probe) -> Steps[None]:
    offer = yield from probe.ask(DISCOVER, probe.said(), OFFER)
    need(13 not in offer.options, "option 13: EDK2 believes it, and it counts in 512 bytes")


RULES = (
    Rule("53 first, 54 and 51 in an OFFER", "RFC 2131 table 3", types_and_server),
    Rule("flags come back; at least 300 bytes", "RFC 2131 table 3, RFC 1542 2.1", header),
    Rule("97 comes back", "PXE 2.1, RFC 4578 2.3", uuid),
    Rule("61 comes back", "RFC 6842", client_id),
    Rule("broadcast flag: to 255.255.255.255", "RFC 2131 4.1", broadcast),
    Rule("no broadcast flag: to yiaddr", "RFC 2131 4.1", unicast),
    Rule("siaddr, and the name in the header's file", "U-Boot", uboot_header),
    Rule("no 60 = PXEClient without 43", "EDK2 (PXE-E55)", no_trap),
    Rule("boot file though 55 does not ask for it", "old PXE ROMs", unasked_boot_file),
    Rule("60 = HTTPClient and a URL", "UEFI 2.10 24.7", http_client),
    Rule("iPXE gets no iPXE", "iPXE", no_loop),
    Rule("175.176: iPXE need not wait", "iPXE", no_proxy_wait),
    Rule("relay: to giaddr:67, 82 unchanged and last", "RFC 2131 4.1, RFC 3046 2.1", relayed),
    Rule("NAK for an address of another network", "RFC 2131 4.3.2", nak_selecting),
    Rule("NAK in INIT-REBOOT on the wrong network", "RFC 2131 4.3.2", nak_init_reboot),
    Rule("INIT-REBOOT keeps its address", "RFC 2131 4.3.2", init_reboot_keeps),
    Rule("silence where another server was chosen", "RFC 2131 4.3.2", other_server),
    Rule("INFORM: no yiaddr, no lease, to ciaddr", "RFC 2131 4.3.5", inform),
    Rule("RENEW", "RFC 2131 4.4.5", renew),
    Rule("REBIND", "RFC 2131 4.4.5", rebind),
    Rule("a declined address is not offered again", "RFC 2131 4.3.3", decline),
    Rule("silence to RELEASE", "RFC 2131 4.3.4", release),
    Rule("57 = 65280 does no harm", "EDK2's REQUEST", big_size),
    Rule("57 = 576 is kept", "RFC 2132 9.10", small_size),
    Rule("no option 52", "old PXE ROMs", no_overload),
    Rule("T1 < T2 < lease", "RFC 2131 4.4.5", timers),
    Rule("messages cut short do no harm", "RFC 2131 2", garbage),
    Rule("93 with an unknown code first", "RFC 4578 2.1", one_of_many_archs),
    Rule("no option 13", "EDK2", unasked_nothing),
)
