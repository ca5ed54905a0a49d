"""EDK2's network boot, PXE and HTTP, on x64 and arm64 (UefiPxeBcDxe, HttpBootDxe).

It collects offers for nearly four seconds whatever comes, drops every offer without option 53 as BOOTP's,
and ranks the rest. Before it loads a file it asks for the size and aborts: ERROR 8 is no failure there.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from lab.testing.firmware import ipxe, scripts
from lab.testing.firmware.machine import ANYBODY, BINL, BootFailed, Faults, HttpRequest, Machine, Steps
from lab.testing.firmware.message import ACK, DISCOVER, NAK, OFFER, REQUEST, Message, Options, packed
from lab.testing.firmware.tftp import TftpHabits

WAITS: Final = (4.0, 8.0, 16.0, 32.0)
COLLECT: Final = 3.5  # of the first four seconds; measured 3.1 to 3.9: its timer is coarse
BINL_WAITS: Final = (1.0, 2.0, 3.0, 4.0)
MAX_OFFERS: Final = 16
PXE: Final = TftpHabits(
    options=(("blksize", 1468), ("windowsize", 4)),
    waits=(4.0,) * 7,
    probes=True,
    probe_options=(("tsize", 0), ("blksize", 1468), ("windowsize", 4)),
)
SMALL: Final = TftpHabits(options=(("blksize", 512), ("windowsize", 4)), waits=(4.0,) * 7)
WANTED: Final = bytes.fromhex("0102030405060c0d0f111216171c28292a2b3233363a3b3c4243618081828384858687")
HTTP_WANTED: Final = bytes.fromhex("0102030405060c0d0f111216171c28292a2b3233363a3b3ceb4361")


@dataclass(frozen=True, slots=True)
class Cpu:
    """Codes of option 93, and the loader's name for a path without one."""

    pxe: int
    http: int


X64, ARM64 = Cpu(7, 16), Cpu(11, 19)


class Edk2(Machine):
    """PXE over IPv4. Option 97 is all zero on a machine without SMBIOS tables, as in QEMU."""

    kind, cpu, http_boot = "edk2", X64, False
    wanted = WANTED
    # What its REQUEST says in option 57: 65280 is 255 with the bytes swapped
    request_size = b"\xff\x00"

    def __init__(
        self,
        mac: str,
        *,
        seed: int = 0,
        scale: float = 1.0,
        faults: Faults | None = None,
        uuid: bytes = bytes(16),
    ) -> None:
        super().__init__(mac, seed=seed, scale=scale, faults=faults)
        self.uuid = uuid

    @property
    def code(self) -> int:
        """What it says in option 93."""
        return self.cpu.http if self.http_boot else self.cpu.pxe

    @property
    def said(self) -> Options:
        """What it says of itself in every message, in its order."""
        name = b"HTTPClient" if self.http_boot else b"PXEClient"
        arch = self.arch(self.code)
        vendor = name + b":Arch:%05d:UNDI:003000" % int.from_bytes(arch)
        return [(55, self.wanted), (97, b"\0" + self.uuid), (94, b"\x01\x03\x00"), (93, arch), (60, vendor)]

    def boot(self) -> Steps[None]:
        """DHCP, 4011 where an offer makes it go there, the loader, and what that fetches."""
        lease, boot = yield from self._discover()
        ack = yield from self._request(lease)
        if self.faults.declines:
            return (yield from ipxe.decline(self, ack))
        self.bound(ack)
        boot = ack if boot is lease else boot
        if needs_binl(boot) or self.faults.asks_4011:
            boot = yield from self._ask_binl(boot)
        self.server = boot_server(boot)
        self.stage = "loader"
        yield from self.load(boot.bootfile)

    def _discover(self) -> Steps[tuple[Message, Message]]:
        """The offer that gives the address, and the one that says what to boot."""
        offers: list[Message] = []
        began = self.now
        for number, wait in enumerate(WAITS):
            if number:
                self.repeated(DISCOVER)
            self.send_dhcp(DISCOVER, [(57, b"\x05\xc0"), *self.said], secs=int(self.now - began))
            until, end = self.after(COLLECT if not number else wait), self.after(wait)
            while (reply := (yield from self.listen(until))) is not None:
                if reply.kind == OFFER and len(offers) < MAX_OFFERS:
                    offers.append(reply)
            chosen = self.choose(offers)
            if chosen is not None:
                return chosen
            yield from self.pause((end - self.now) / self.scale)
        raise BootFailed(f"PXE-E16: none of {len(offers)} offers is usable")

    def choose(self, offers: list[Message]) -> tuple[Message, Message] | None:
        """PxeBcSelectOffer: the ranks, best first."""
        return choose_pxe(offers)

    def _request(self, offer: Message) -> Steps[Message]:
        wanted: Options = [(54, packed(offer.server or ANYBODY)), (50, packed(offer.yiaddr))]
        for number, wait in enumerate(WAITS):
            if number:
                self.repeated(REQUEST)
            self.send_dhcp(REQUEST, [*wanted, (57, self.request_size), *self.said])
            until = self.after(wait)
            while (answer := (yield from self.listen(until))) is not None:
                if answer.kind == ACK and answer.yiaddr == offer.yiaddr:
                    return answer
                if answer.kind == NAK:
                    raise BootFailed("DHCP: NAK")
        raise BootFailed("no answer to REQUEST")

    def _ask_binl(self, offer: Message) -> Steps[Message]:
        """From port 4011 to port 4011, with neither option 54 nor 43."""
        server = offer.siaddr if offer.siaddr != ANYBODY else offer.server
        server, self.stage = self.binl_server(server), "4011"
        said = sorted([*self.said, (57, b"\x05\xc0")])  # here by their codes, and secs with its bytes swapped
        self.xid = self.chance.getrandbits(32)
        for number, wait in enumerate(BINL_WAITS):
            to = (server, BINL)
            self.send_dhcp(REQUEST, said, ciaddr=self.address, to=to, port=BINL, flags=0, secs=number << 8)
            until = self.after(wait)
            while (answer := (yield from self.listen(until))) is not None:
                if answer.kind == ACK and answer.bootfile and answer.is_pxe:
                    return answer
        raise BootFailed(f"PXE-E16: {server} does not answer at port 4011 (PXE-E55)")

    def load(self, name: str) -> Steps[None]:
        """Fetch the loader over TFTP and run it."""
        done = yield from self.tftp(self.server, name, PXE)
        if done.error is not None:
            code, text = done.error
            raise BootFailed(f"{'PXE-E23' if code == 1 else 'PXE-E18'}: TFTP {name}: ERROR {code}: {text}")
        yield from run_loader(self, name, f"tftp://{self.server}/{name}")


class Edk2Arm64(Edk2):
    """The same on arm64."""

    kind, cpu = "edk2-arm64", ARM64


class Edk2Http(Edk2):
    """UEFI HTTP boot: HEAD, then GET on the same connection."""

    kind, http_boot = "edk2-http", True
    wanted, request_size = HTTP_WANTED, b"\x05\xc0"

    def choose(self, offers: list[Message]) -> tuple[Message, Message] | None:
        """An offer counts with option 60 "HTTPClient" and a URL; a host name needs option 6 in the same."""
        usable = [offer for offer in offers if is_http(offer)]
        own = next((offer for offer in usable if offer.yiaddr != ANYBODY), None)
        lease = own or next((offer for offer in offers if offer.yiaddr != ANYBODY), None)
        boot = own or next(iter(usable), None)
        return (lease, boot) if lease is not None and boot is not None else None

    def load(self, name: str) -> Steps[None]:
        """Fetch the loader over HTTP and run it."""
        parts = urlsplit(name)
        for method in ("HEAD", "GET"):
            reply = yield from self.http(self._request_for(method, name))
            ipxe.check(reply, name) if method == "GET" else None
            if reply.error or reply.status != 200:
                raise BootFailed(f"HTTP {method} {name}: {reply.error or f'status {reply.status}'}")
            if "content-length" not in reply.headers:
                raise BootFailed(f"HTTP {method} {name}: no Content-Length")
            if not reply.headers.get("server", "x"):
                raise BootFailed("an empty Server header: EDK2 hangs here (edk2#7443)")
            if method == "HEAD" and reply.closed:
                raise BootFailed("the server closed the connection after HEAD (edk2#9920)")
        yield from run_loader(self, parts.path.removeprefix("/"), name)

    def _request_for(self, method: str, url: str) -> HttpRequest:
        made = ipxe.request(self, method, url)
        host = dict(made.headers)["Host"]
        headers = (("Host", host), ("Accept", "*/*"), ("User-Agent", "UefiHttpBoot/1.0"))
        return HttpRequest(
            host=made.host,
            port=made.port,
            method=method,
            path=made.path,
            headers=headers,
            stop_after=made.stop_after,
        )


class Edk2HttpArm64(Edk2Http):
    """The same on arm64."""

    kind, cpu = "edk2-http-arm64", ARM64


def is_http(offer: Message) -> bool:
    """Whether HttpBootDxe can use it."""
    named = offer.options.get(60, b"").startswith(b"HTTPClient")
    host = urlsplit(offer.bootfile).hostname or ""
    literal = host.replace(".", "").isdigit()
    return named and bool(host) and (literal or 6 in offer.options)


def choose_pxe(offers: list[Message]) -> tuple[Message, Message] | None:
    """The lease and the boot offer by rank: DHCP with PXE 1.0, DHCP and a proxy with PXE 1.0, DHCP that asks
    for 4011, DHCP and a proxy that does, DHCP with a file. Without an address none counts."""
    leases = [offer for offer in offers if offer.yiaddr != ANYBODY]
    proxies = [offer for offer in offers if offer.yiaddr == ANYBODY and offer.is_pxe]
    if not leases:
        return None
    bare = next((offer for offer in leases if not offer.is_pxe), None)
    ranked = [
        *((offer, offer) for offer in leases if offer.is_pxe and is_direct(offer)),
        *((bare, offer) for offer in proxies if bare is not None and is_direct(offer)),
        *((offer, offer) for offer in leases if offer.is_pxe),
        *((bare, offer) for offer in proxies if bare is not None),
        *((offer, offer) for offer in leases if offer.bootfile),
    ]
    return next(iter(ranked), None)


def is_direct(offer: Message) -> bool:
    """Whether option 43 has any of 6 to 10: what the offer says is used, no turn to 4011."""
    return any(code in offer.pxe() for code in range(6, 11))


def needs_binl(offer: Message) -> bool:
    """A PXE server that says no more than that is asked again at port 4011."""
    return offer.is_pxe and not is_direct(offer)


def boot_server(offer: Message) -> str:
    """The first of 43.8 where 43.6 says to use it, else siaddr, else option 54."""
    own = offer.pxe()
    listed = own.get(8, b"")
    if own.get(6, b"\0")[0] & 8 and len(listed) >= 7:
        return ".".join(map(str, listed[3:7]))
    return offer.siaddr if offer.siaddr != ANYBODY else offer.server


def run_loader(machine: Machine, name: str, url: str) -> Steps[None]:
    """What the program does that was fetched, by its name: iPXE, or shim with GRUB. Others end the boot."""
    own = name.rpartition("/")[2].lower()
    # A loader is built for a processor: it says that it was loaded by PXE, whichever way it came
    arch = machine.cpu.pxe if isinstance(machine, Edk2) and machine.code else 0
    if "ipxe" in own or own.startswith(("undionly", "snp")):
        vendor = b"PXEClient:Arch:%05d:UNDI:003010" % arch
        uuid = machine.uuid if isinstance(machine, Edk2) else b""
        yield from ipxe.ipxe_boot(
            machine, arch, vendor, b"\x01\x03\x0a", ipxe.EFI_FEATURES if arch else ipxe.ROM_FEATURES, uuid
        )
    elif "bootnet" in own or "shim" in own or "grub" in own:
        yield from _grub(machine, own)


def _grub(machine: Machine, own: str) -> Steps[None]:
    """shim fetches its GRUB, GRUB its lists of modules and its grub.cfg, below the folder of its build."""
    machine.stage = "grub"
    folder = "debian-installer/arm64/grub"
    if not own.startswith("grub"):
        for name in ("revocations_sku.efi", "revocations_sbat.efi", "shim_certificate_0.efi"):
            yield from machine.tftp(machine.server, name, SMALL)
        yield from _file(machine, "grubaa64.efi", SMALL)
    for name in ("command", "fs", "crypto", "terminal"):
        yield from machine.tftp(machine.server, f"/{folder}/arm64-efi/{name}.lst", GRUB)
    config = yield from _file(machine, f"/{folder}/grub.cfg", GRUB, keep=True)
    for load in scripts.grub(config.decode("utf-8", "replace")):
        machine.stage = "kernel" if machine.stage == "grub" else "initrd"
        yield from _file(machine, load.name, GRUB)


GRUB: Final = TftpHabits(options=(("blksize", 1024), ("tsize", 0)), waits=(4.0,) * 7)


def _file(machine: Machine, name: str, habits: TftpHabits, *, keep: bool = False) -> Steps[bytes]:
    done = yield from machine.tftp(machine.server, name, habits, keep=keep)
    if done.error is not None:
        raise BootFailed(f"TFTP {name}: ERROR {done.error[0]}: {done.error[1]}")
    return bytes(done.body)
