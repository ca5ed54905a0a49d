"""How the rules about DHCP are shown."""

from typing import Any

from lab.testing.explain.scene import (
    ACK,
    ALL,
    BIOS,
    CLIENT,
    DECLINE,
    DISCOVER,
    ECHO,
    HTTP,
    IPXE,
    MAC,
    NAK,
    OFFER,
    OTHER,
    OTHER_MAC,
    PI,
    REQUEST,
    ROUTER,
    SERVER,
    UBOOT,
    UEFI,
    Options,
    Scene,
    case,
)

_RELAY = "10.9.0.1"


def fine(s: Scene, client: Options = UEFI, reply: Options | None = None) -> None:
    """A boot without a fault: an address, and the file."""
    s.offered(client, {**ECHO, **(reply or {})})
    s.fetch("boot.efi")


@case("no-discover")
def _(s: Scene, bad: bool) -> None:
    s.say("BOOTP broadcast 1", "BOOTP broadcast 2")
    if not bad:
        fine(s, UBOOT)


@case("never-asked")
def _(s: Scene, bad: bool) -> None:
    s.wait(60)
    if not bad:
        s.ask(DISCOVER, UEFI)


@case("link-late")
def _(s: Scene, bad: bool) -> None:
    s.ask(DISCOVER, UEFI, secs=28 if bad else 0)
    s.reply(OFFER, ECHO)
    s.confirm(UEFI, ECHO)
    s.fetch("boot.efi")


@case("slow-offer")
def _(s: Scene, bad: bool) -> None:
    for pause in (4, 8, 16) if bad else (1, 2):
        s.ask(DISCOVER, UEFI)
        s.wait(pause)
    fine(s)


@case("no-offer-to-anybody")
def _(s: Scene, bad: bool) -> None:
    for pause in (4, 8, 16):
        s.ask(DISCOVER, UEFI)
        s.wait(pause)
    if not bad:  # the server lives
        s.reply(OFFER, {"chaddr": OTHER_MAC, "xid": 7})


@case("no-offer-to-this-machine")
def _(s: Scene, bad: bool) -> None:
    for pause in (4, 8, 16):
        s.ask(DISCOVER, UEFI)
        s.wait(pause)
    if bad:
        s.reply(OFFER, {"chaddr": OTHER_MAC, "xid": 7})


@case("relay-unknown")
def _(s: Scene, bad: bool) -> None:
    relayed: dict[str, Any] = {"giaddr": _RELAY, "src": _RELAY, "dst": SERVER}
    s.ask(DISCOVER, UEFI, **relayed)
    if not bad:
        s.reply(OFFER, {"giaddr": _RELAY, "dst": _RELAY, "dport": 67})
    s.wait(4)
    s.ask(DISCOVER, UEFI, **relayed)


@case("takes-nothing-more")
def _(s: Scene, bad: bool) -> None:
    fine(s, UBOOT)
    s.fall_silent(31 if bad else 29, "vmlinuz", 400, 1000)


@case("fell-silent")
def _(s: Scene, bad: bool) -> None:
    fine(s, UBOOT)
    s.fall_silent(31 if bad else 29)


@case("unknown-machine")
def _(s: Scene, bad: bool) -> None:
    s.ask(DISCOVER, UEFI)
    s.ignore(f"no machine {MAC}: add it to `machines`" if bad else "the policy 'guests' says to ignore it")


@case("pool-empty")
def _(s: Scene, bad: bool) -> None:
    s.ask(DISCOVER, UEFI)
    s.ignore(
        "all 5 addresses of the pool 10.0.0.1-10.0.0.5 are in use: enlarge the pool"
        if bad
        else "no machine x"
    )


@case("policy-ignores")
def _(s: Scene, bad: bool) -> None:
    s.ask(DISCOVER, UEFI)
    s.ignore("the policy 'guests' says to ignore it" if bad else "no machine x")


@case("relay-not-ours")
def _(s: Scene, bad: bool) -> None:
    s.ask(DISCOVER, UEFI, giaddr=_RELAY)
    s.ignore(f"relayed by {_RELAY} for its own network, which is in no subnet of ours on eth0: add it"
             if bad else "no machine x")  # fmt: skip


@case("held")
def _(s: Scene, bad: bool) -> None:
    s.held = bad
    s.offered(UEFI, ECHO)
    s.fetch("boot.efi")


@case("ignored")
def _(s: Scene, bad: bool) -> None:
    s.ask(REQUEST, UEFI)
    s.ignore("names no address: neither option 50 nor ciaddr" if bad else "no machine x", "REQUEST")


@case("offer-no-type")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, **({53: None} if bad else {})}, taken=False)


@case("offer-no-server-id")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, **({54: None} if bad else {})}, taken=False)


@case("offer-malformed")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, **({"cut": 250} if bad else {})}, taken=False)


@case("offer-too-big")
def _(s: Scene, bad: bool) -> None:
    s.offered(UBOOT, {224: b"x" * (250 if bad else 50), 225: b"y" * (200 if bad else 50)}, taken=False)


@case("offer-wrong-xid")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, **({"xid": 0xBAD} if bad else {})}, taken=False)


@case("unicast-to-deaf")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, "dst": CLIENT if bad else ALL}, taken=False)


@case("offer-to-wrong-mac")
def _(s: Scene, bad: bool) -> None:
    s.offered(UBOOT, {"dst": CLIENT, "eth_dst": OTHER_MAC if bad else MAC}, taken=False)


@case("relay-wrong-port")
def _(s: Scene, bad: bool) -> None:
    for _ in range(2):
        s.ask(DISCOVER, UEFI, giaddr=_RELAY)
        s.reply(OFFER, {**ECHO, "giaddr": _RELAY, "dst": _RELAY, "dport": 68 if bad else 67})
        s.wait(4)


@case("no-option-60")
def _(s: Scene, bad: bool) -> None:
    s.ask(DISCOVER, UEFI)
    s.reply(OFFER, {"server": OTHER, "file": b"", "siaddr": "0.0.0.0"})
    s.reply(OFFER, {**({43: ECHO[43]} if bad else ECHO), "yiaddr": "0.0.0.0"})
    s.confirm(UEFI, {"server": OTHER, "file": b"", "siaddr": "0.0.0.0"})


@case("http-no-echo")
def _(s: Scene, bad: bool) -> None:
    url = b"http://10.0.0.1/boot.efi"
    s.offered(HTTP, {67: url, **({} if bad else {60: b"HTTPClient"})}, taken=False)


@case("http-not-url")
def _(s: Scene, bad: bool) -> None:
    s.offered(HTTP, {60: b"HTTPClient", 67: b"boot.efi" if bad else b"http://10.0.0.1/boot.efi"}, taken=False)


@case("http-name-without-dns")
def _(s: Scene, bad: bool) -> None:
    reply: Options = {60: b"HTTPClient", 67: b"http://boot.example/boot.efi"}
    s.offered(HTTP, reply if bad else {**reply, 6: SERVER}, taken=False)


@case("no-bootfile")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {"file": b"" if bad else b"boot.efi", "siaddr": "0.0.0.0" if bad else SERVER})


@case("no-next-server")
def _(s: Scene, bad: bool) -> None:
    s.offered(UBOOT, {66: b"10.0.0.1", "siaddr": "0.0.0.0" if bad else SERVER})


@case("proxy-only")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, "yiaddr": "0.0.0.0" if bad else CLIENT}, taken=False)


@case("pi-no-option-43")
def _(s: Scene, bad: bool) -> None:
    menu = b"\6\1\3\x0a\4\0PXE\x09\x14\0\0\x11Raspberry Pi Boot\xff"
    s.offered(PI, {60: b"PXEClient", 43: ECHO[43] if bad else menu}, taken=False)


@case("offer-not-taken")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO, taken=not bad)


@case("took-other-offer")
def _(s: Scene, bad: bool) -> None:
    s.ask(DISCOVER, UEFI)
    s.reply(OFFER, ECHO)
    nothing: Options = {"server": OTHER, "file": b"" if bad else b"boot.efi", "siaddr": "0.0.0.0"}
    s.reply(OFFER, nothing)
    s.confirm(UEFI, nothing)


@case("two-dhcp-servers")
def _(s: Scene, bad: bool) -> None:
    s.ask(DISCOVER, UEFI)
    s.reply(OFFER, ECHO)
    s.reply(OFFER, {"server": OTHER, "yiaddr": "10.0.0.200" if bad else "0.0.0.0", **ECHO})
    s.confirm(UEFI, ECHO)
    s.fetch("boot.efi")


@case("request-unanswered")
def _(s: Scene, bad: bool) -> None:
    for _ in range(2):
        s.ask(DISCOVER, UEFI)
        s.reply(OFFER, ECHO)
        s.ask(REQUEST, UEFI, new=False, o50=CLIENT, o54=SERVER)
        if not bad:
            s.reply(ACK, ECHO)
        s.wait(4)


@case("nak-loop")
def _(s: Scene, bad: bool) -> None:
    for _ in range(3 if bad else 1):
        s.ask(DISCOVER, UEFI)
        s.reply(OFFER, ECHO)
        s.ask(REQUEST, UEFI, new=False, o50=CLIENT, o54=SERVER)
        s.reply(NAK, {"yiaddr": "0.0.0.0", 56: b"address in use"})
        s.wait(1)
    if not bad:
        fine(s)


@case("foreign-lease")
def _(s: Scene, bad: bool) -> None:
    for _ in range(2):
        s.ask(REQUEST, UEFI, o50="192.168.7.7")
        s.reply(NAK, {"yiaddr": "0.0.0.0"})
        s.wait(4)
    if not bad:
        fine(s)


@case("address-declined")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.arp(OTHER_MAC, CLIENT)
    s.ask(DECLINE, UEFI, o50=CLIENT, o54=SERVER)
    if not bad:
        fine(s, reply={"yiaddr": "10.0.0.101"})


@case("address-conflict")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.arp(OTHER_MAC if bad else MAC, CLIENT)
    s.rrq("boot.efi")


@case("wrong-subnet")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, "yiaddr": "192.168.7.7" if bad else CLIENT, 3: None})


@case("server-out-of-reach")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, "siaddr": "192.168.7.7", 3: None if bad else ROUTER})


@case("dhcp-from-other-address")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, "src": "172.17.0.1" if bad else SERVER}, taken=False)


@case("booted-elsewhere")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.fetch("boot.efi", server=OTHER if bad else SERVER)


@case("nobody-on-4011")
def _(s: Scene, bad: bool) -> None:
    s.offered(BIOS, {60: b"PXEClient", "file": b""})  # the file is told at 4011
    for _ in range(2):
        s.ask(REQUEST, BIOS, src=CLIENT, dst=SERVER, dport=4011)
        s.unreachable(3, dport=4011, sport=68) if bad else s.reply(ACK, {**ECHO, "sport": 4011})
        s.wait(2)


@case("4011-from-other-address")
def _(s: Scene, bad: bool) -> None:
    s.offered(BIOS, {60: b"PXEClient"})
    s.ask(REQUEST, BIOS, src=CLIENT, dst=SERVER, dport=4011)
    s.reply(ACK, {**ECHO, "sport": 4011, "src": "172.17.0.1" if bad else SERVER})
    s.wait(2)


@case("menu-waits")
def _(s: Scene, bad: bool) -> None:
    menu = b"\x09\x07\0\1\4boot\x0a\x06" + (b"\xff" if bad else b"\0") + b"Press\xff"
    s.offered(BIOS, {60: b"PXEClient", 43: menu})


@case("ipxe-loop")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, "file": b"ipxe.efi"})
    s.fetch("ipxe.efi")
    for _ in range(3):
        s.offered(IPXE, {**ECHO, "file": b"ipxe.efi" if bad else b"http://10.0.0.1/boot.ipxe"})
        if bad:
            s.fetch("ipxe.efi")
