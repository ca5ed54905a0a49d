"""iPXE: the boot ROM of QEMU's cards, and the program that a plain PXE ROM or EDK2 was given.

It repeats DISCOVER after 1, 2 and 4 seconds, and waits two seconds for a proxyDHCP offer unless option
175.176 tells it not to. `secs` is no time: see `_secs`. TFTP is in lock-step: it knows no windows.
"""

from typing import Final
from urllib.parse import urljoin, urlsplit

from lab.testing.firmware import scripts
from lab.testing.firmware.machine import BINL, BootFailed, Faults, HttpReply, HttpRequest, Machine, Steps
from lab.testing.firmware.message import ACK, DISCOVER, NAK, OFFER, REQUEST, Message, Options, items, packed
from lab.testing.firmware.tftp import TftpHabits

WAITS: Final = (1.0, 2.0, 4.0, 8.0)
PROXY_SECONDS: Final = 2.0
NO_PXEDHCP: Final = 176
HABITS: Final = TftpHabits(
    options=(("blksize", 1432), ("tsize", 0)), waits=(0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0)
)
WANTED: Final = bytes.fromhex("010306070c0f111a2b3c4243778081828384858687afcb")
# Option 175 of Debian's builds: the card, the version, and a code for each feature (0x13 HTTP, 0x24 EFI)
ROM_FEATURES: Final = bytes.fromhex(
    "b105011af41000 eb03010000 170101 220101 130101 110101 270101 190101 290101 100102 210101"
    "150101 180101 120101"
)
EFI_FEATURES: Final = bytes.fromhex(
    "b105011af41000 eb03010000 170101 240101 130101 110101 270101 290101 150101 1b0101 120101"
)
AGENT: Final = "iPXE/1.0.0+git-20190125.36a4c85-5.1"


class Ipxe(Machine):
    """One boot of iPXE. `pci` is the card; `features` are those of option 175 (19: HTTP)."""

    kind = "ipxe"
    architecture, vendor_class = 0, b"PXEClient:Arch:00000:UNDI:002001"
    ndi = b"\x01\x02\x01"
    features: bytes = ROM_FEATURES

    def __init__(
        self, mac: str, *, seed: int = 0, scale: float = 1.0, faults: Faults | None = None, uuid: bytes = b""
    ) -> None:
        super().__init__(mac, seed=seed, scale=scale, faults=faults)
        self.uuid = uuid
        self.flags = 0

    def boot(self) -> Steps[None]:
        """DHCP, then the file that it names, and what that says."""
        yield from ipxe_boot(self, self.architecture, self.vendor_class, self.ndi, self.features, self.uuid)


def options(arch: bytes, vendor: bytes, ndi: bytes, features: bytes, mac: str, uuid: bytes) -> Options:
    """What iPXE says of itself in every message, in its order."""
    found = [(57, b"\x05\xc0"), (93, arch), (94, ndi), (60, vendor), (77, b"iPXE"), (55, WANTED)]
    found += [(175, features), (61, b"\x01" + bytes.fromhex(mac.replace(":", "")))]
    return [*found, (97, b"\0" + (uuid or bytes(16)))]


def ipxe_boot(
    machine: Machine, arch: int, vendor: bytes, ndi: bytes, features: bytes, uuid: bytes
) -> Steps[None]:
    """All that iPXE does, on behalf of `machine`: also of one whose firmware was something else before."""
    machine.stage, machine.flags = "ipxe dhcp", 0
    said = options(machine.arch(arch), vendor, ndi, features, machine.mac, uuid)
    machine.xid = machine.chance.getrandbits(32)
    lease, boot, sent, offers = yield from _discover(machine, said)
    ack = yield from _request(machine, said, lease, sent, offers)
    if machine.faults.declines:
        return (yield from decline(machine, ack))
    machine.bound(ack)
    if boot is None:
        boot = ack
    elif machine.faults.asks_4011 or not (boot.bootfile and boot.siaddr != "0.0.0.0"):
        boot = yield from ask_binl(machine, boot.siaddr if boot.siaddr != "0.0.0.0" else boot.sender, said)
    if not boot.bootfile:
        raise BootFailed("DHCP names nothing to boot")
    machine.server = boot.siaddr
    url = boot.bootfile if "://" in boot.bootfile else f"tftp://{boot.siaddr}/{boot.bootfile.lstrip('/')}"
    yield from run(machine, url)


def _discover(machine: Machine, said: Options) -> Steps[tuple[Message, Message | None, int, int]]:
    """The offer with an address, that of a proxy where one came, how many were sent, how many came."""
    began, lease, proxy, offers, number = machine.now, None, None, 0, 0
    for number, wait in enumerate(WAITS):
        if number:
            machine.repeated(DISCOVER)
        machine.send_dhcp(DISCOVER, said, secs=_secs(number + 1, offers))
        until = machine.after(wait)
        while (offer := (yield from machine.listen(until))) is not None:
            if offer.kind != OFFER:
                continue
            offers += 1
            if offer.yiaddr != "0.0.0.0":
                lease = lease or offer
            elif offer.is_pxe:
                proxy = proxy or offer
            if lease is not None and (proxy is not None or _no_wait(lease)):
                return lease, proxy if not _no_wait(lease) else None, number + 1, offers
        if lease is not None and machine.now - began > PROXY_SECONDS * machine.scale:
            return lease, proxy, number + 1, offers
    raise BootFailed("no usable answer to DISCOVER")


def _secs(message: int, offers: int) -> int:
    """What iPXE says there, as measured: 4 for each message so far, and one more for each offer that came."""
    return message * (4 + offers)


def _no_wait(offer: Message) -> bool:
    """Whether the offer says not to wait for a proxy, or is one for PXE itself."""
    own = dict(items(offer.options.get(175, b"")))
    complete = offer.is_pxe and offer.siaddr != "0.0.0.0" and bool(offer.bootfile)
    return any(own.get(NO_PXEDHCP, b"")) or complete


def _request(machine: Machine, said: Options, offer: Message, sent: int, offers: int) -> Steps[Message]:
    wanted: Options = [(54, packed(offer.server or offer.sender)), (50, packed(offer.yiaddr))]
    for number, wait in enumerate(WAITS):
        if number:
            machine.repeated(REQUEST)
        machine.send_dhcp(REQUEST, [*said, *wanted], secs=_secs(sent + number + 1, offers))
        until = machine.after(wait)
        while (answer := (yield from machine.listen(until))) is not None:
            if answer.kind == ACK and answer.yiaddr != "0.0.0.0":
                return answer
            if answer.kind == NAK:
                raise BootFailed("DHCP: NAK")
    raise BootFailed("no answer to REQUEST")


def ask_binl(machine: Machine, server: str, said: Options) -> Steps[Message]:
    """Ask port 4011 of `server`, from the address that the machine has by now."""
    server, machine.stage = machine.binl_server(server), "4011"
    for wait in WAITS:
        machine.send_dhcp(REQUEST, said, ciaddr=machine.address, to=(server, BINL))
        until = machine.after(wait)
        while (answer := (yield from machine.listen(until))) is not None:
            if answer.kind == ACK:
                return answer
    raise BootFailed(f"{server} does not answer at port 4011 (PXE-E55)")


def decline(machine: Machine, ack: Message) -> Steps[None]:
    """Find the address taken: DECLINE, and no second try."""
    machine.send_dhcp(4, [(54, packed(ack.server)), (50, packed(ack.yiaddr))])
    yield from machine.pause(1.0)
    raise BootFailed(f"declined {ack.yiaddr}: another machine has it")


def run(machine: Machine, url: str, depth: int = 0) -> Steps[None]:
    """Fetch a script (or a program, which ends it) and all that the script says."""
    if depth == 6:
        raise BootFailed(f"scripts chain to each other without end: {url}")
    machine.stage = "script"
    body = yield from fetch(machine, url, keep=True)
    if not body.startswith(b"#!ipxe"):
        if any(word in url.rpartition("/")[2] for word in ("ipxe", "undionly", "snponly")):
            raise BootFailed(f"iPXE is given iPXE again ({url}): a loop without end")
        return
    for load in scripts.ipxe(body.decode("utf-8", "replace")):
        target = urljoin(url, load.name) if not url.startswith("tftp:") else _join_tftp(url, load.name)
        if load.chain:
            return (yield from run(machine, target, depth + 1))
        machine.stage = "kernel" if machine.stage == "script" else "initrd"
        yield from fetch(machine, target)


def _join_tftp(base: str, name: str) -> str:
    """urljoin knows no tftp."""
    return urljoin(base.replace("tftp:", "http:", 1), name).replace("http:", "tftp:", 1)


def fetch(machine: Machine, url: str, *, keep: bool = False) -> Steps[bytes]:
    """Return a file's bytes (nothing unless `keep`). Raises BootFailed."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "tftp":
        done = yield from machine.tftp(host, parts.path.removeprefix("/"), HABITS, keep=keep)
        if done.error is not None:
            raise BootFailed(f"TFTP {done.name}: ERROR {done.error[0]}: {done.error[1]}")
        return bytes(done.body)
    if parts.scheme != "http":
        raise BootFailed(f"{url}: no way to fetch it")
    reply = yield from machine.http(request(machine, "GET", url, keep=keep))
    check(reply, url)
    return reply.body


def request(machine: Machine, method: str, url: str, *, keep: bool = False) -> HttpRequest:
    """iPXE's request headers, in its order."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    named = host if port == 80 else f"{host}:{port}"
    path = parts.path + (".missing" if machine.faults.missing_file else "")
    headers = (("Connection", "keep-alive"), ("User-Agent", AGENT), ("Host", named))
    stop = machine.faults.stop_after
    query = f"?{parts.query}" if parts.query else ""
    return HttpRequest(
        host=host, port=port, method=method, path=path + query, headers=headers, keep=keep, stop_after=stop
    )


def check(reply: HttpReply, url: str) -> None:
    """Raises BootFailed where the file did not come whole."""
    if reply.error or reply.status not in (200, 206):
        raise BootFailed(f"HTTP {url}: {reply.error or f'status {reply.status}'}")
    announced = reply.headers.get("content-length")
    if announced is not None and int(announced) != reply.length:
        raise BootFailed(f"HTTP {url}: {reply.length} bytes of {announced}")
