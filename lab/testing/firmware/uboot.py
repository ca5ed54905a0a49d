"""U-Boot's distro boot: `dhcp` for boot.scr.uimg, its EFI step, then pxelinux.cfg in its order of names.

DHCP is repeated after 250 ms, 500 ms, 1 s, then every 2 s, each time under a new xid. The
files come from siaddr alone, and an error other than 1 or 2 starts the whole operation over.
"""

from typing import Final

from lab.testing.firmware import scripts
from lab.testing.firmware.edk2 import run_loader
from lab.testing.firmware.ipxe import decline
from lab.testing.firmware.machine import ANYBODY, BootFailed, Faults, Machine, Steps
from lab.testing.firmware.message import ACK, DISCOVER, OFFER, REQUEST, Message, Options, packed
from lab.testing.firmware.tftp import Download, TftpHabits

WAITS: Final = (0.25, 0.5, 1.0, *(2.0,) * 14)
REQUEST_WAITS: Final = (5.0, 5.0)
SCRIPT: Final = "boot.scr.uimg"
WANTED: Final = bytes((1, 3, 6, 12, 17))
_TRIES: Final = 3
_GO_ON: Final = (1, 2)


def habits(seconds: int = 5, windowsize: int = 1) -> TftpHabits:
    """What it asks for; our script sets windowsize 8."""
    options: list[tuple[str, int]] = [("timeout", seconds), ("blksize", 1468)]
    if windowsize != 1:
        options.append(("windowsize", windowsize))
    return TftpHabits(options=tuple(options), waits=(float(seconds),) * 11, reacks=windowsize > 1)


class Uboot(Machine):
    """arm64, Debian's build: no proxyDHCP, and no windowsize but where a script sets it."""

    kind, vendor, code = "uboot", b"U-Boot.armv8", 22

    def __init__(self, mac: str, *, seed: int = 0, scale: float = 1.0, faults: Faults | None = None) -> None:
        super().__init__(mac, seed=seed, scale=scale, faults=faults)
        self.flags = 0

    def boot(self) -> Steps[None]:
        """The steps of bootcmd_dhcp and bootcmd_pxe; each has a DHCP round of its own."""
        ack = yield from self._dhcp(self.vendor, self.code, SCRIPT)
        if ack is not None and self.faults.declines:
            return (yield from decline(self, ack))
        if ack is not None:
            self.stage = "script"
            done = yield from self._load(ack.bootfile or SCRIPT, habits(), keep=True)
            if done.error is None and bytes(done.body[:4]) == b"\x27\x05\x19\x56":
                return (yield from self._source(bytes(done.body)))
        # From now on `bootfile` is what an ACK set it to
        named = ack.bootfile if ack is not None else ""
        efi = yield from self._dhcp(b"PXEClient:Arch:00011:UNDI:003000", 11, named)
        if efi is not None:
            self.stage = "loader"
            done = yield from self._load(efi.bootfile or SCRIPT, habits())
            if done.error is None and efi.bootfile != SCRIPT:
                yield from self._load("dtb/", habits())  # its fdtfile is empty: it asks for a folder
                return (yield from run_loader(self, efi.bootfile, ""))
        last = yield from self._dhcp(self.vendor, self.code, named)
        if last is None:
            raise BootFailed("no usable answer to DISCOVER in three rounds: Retry time exceeded")
        yield from self._pxelinux(last.bootfile)

    def _dhcp(self, vendor: bytes, code: int, file: str) -> Steps[Message | None]:
        """One round; None where nobody answered."""
        name = file.encode()
        said: Options = [(93, self.arch(code)), (94, b"\x01\x00\x00"), (60, vendor), (55, WANTED)]
        began, self.stage = self.now, "dhcp"
        self.earlier.clear()
        for number, wait in enumerate(WAITS):
            if number:
                self.repeated(DISCOVER)
            self.earlier.append(self.xid)
            self.xid = self.chance.getrandbits(32)
            secs = int(self.now - began)
            self.send_dhcp(DISCOVER, [(57, b"\x02\x40"), *said], secs=secs, file=name, size=300)
            until = self.after(wait)
            while (offer := (yield from self.listen(until))) is not None:
                if offer.kind == OFFER and offer.yiaddr != ANYBODY:  # the first: it knows no proxies
                    return (yield from self._request(offer, said, name))
        return None

    def _request(self, offer: Message, said: Options, file: bytes) -> Steps[Message]:
        self.xid = offer.xid
        wanted: Options = [(57, b"\x02\x40"), (54, packed(offer.server)), (50, packed(offer.yiaddr))]
        self.send_dhcp(REQUEST, [*wanted, *said], file=file, size=300)
        until = self.after(sum(REQUEST_WAITS))
        while (answer := (yield from self.listen(until))) is not None:
            if answer.kind == ACK:
                self.bound(answer)
                self.server = answer.siaddr
                if self.server == ANYBODY:
                    raise BootFailed("`serverip' not set: siaddr is 0")
                return answer
        raise BootFailed("no answer to REQUEST")

    def _load(self, name: str, how: TftpHabits, *, keep: bool = False) -> Steps[Download]:
        """Fetch a file. An error other than 1 or 2 starts the operation over: it would loop for ever."""
        for _ in range(_TRIES):
            done = yield from self.tftp(self.server, name, how, keep=keep)
            if done.error is None or done.error[0] in _GO_ON:
                return done
        code, text = done.error or (0, "")
        raise BootFailed(f"TFTP {name}: ERROR {code} {text} again and again: U-Boot never goes on after it")

    def _source(self, script: bytes) -> Steps[None]:
        for number, load in enumerate(scripts.uboot(script)):
            self.stage = "kernel" if number == 0 else "initrd"
            yield from self._need(load.name, habits(1, 8))

    def _pxelinux(self, bootfile: str) -> Steps[None]:
        self.stage = "pxelinux"
        folder = bootfile.rpartition("/")[0]
        for name in self.names():
            path = "/".join(filter(None, (folder, "pxelinux.cfg", name)))
            done = yield from self._load(path, habits(), keep=True)
            if done.error is None:
                for load in scripts.pxelinux(done.body.decode("utf-8", "replace")):
                    self.stage = "kernel" if self.stage == "pxelinux" else "initrd"
                    yield from self._need("/".join(filter(None, (folder, load.name))), habits())
                return
        raise BootFailed("no boot.scr.uimg, no EFI program and no pxelinux.cfg")

    def names(self) -> list[str]:
        """The names that `pxe get` looks for, in order."""
        ip = packed(self.address).hex().upper()
        own = ["01-" + self.mac.replace(":", "-"), *(ip[:size] for size in range(8, 0, -1))]
        return [*own, "default-arm-qemu-arm-qemu-arm", "default-arm-qemu-arm", "default-arm", "default"]

    def _need(self, name: str, how: TftpHabits) -> Steps[None]:
        done = yield from self._load(name, how)
        if done.error is not None:
            raise BootFailed(f"TFTP {name}: ERROR {done.error[0]}: {done.error[1]}")
