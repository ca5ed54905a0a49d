"""How the rules about files are shown: TFTP, HTTP, and what the files are."""

from typing import Any

from lab.testing.explain.dhcp_cases import fine
from lab.testing.explain.scene import (
    BIOS,
    CLIENT,
    ECHO,
    PI,
    SERVER,
    UBOOT,
    UEFI,
    UEFI_ARM,
    Scene,
    case,
    pe,
)

_OK = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nContent-Type: application/efi\r\nServer: nginx"
_BODY = b"MZ" + bytes(6)
_PI_SERIAL = "deadbeef"


@case("file-not-found")
def _(s: Scene, bad: bool) -> None:
    fine(s)
    s.missing("grub/grub.cfg-01-52-54-00-12-34-56")
    if not bad:  # it goes through several names, and finds one
        s.fetch("grub/grub.cfg")


@case("access-denied")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.missing("boot.efi", 2 if bad else 1, "permission denied")


@case("error-code-loops")
def _(s: Scene, bad: bool) -> None:
    s.offered(UBOOT)
    for _ in range(3):
        s.missing("boot.scr.uimg", 0 if bad else 1, "not found")


@case("tftp-error")
def _(s: Scene, bad: bool) -> None:
    s.offered(BIOS, ECHO)
    s.missing("pxelinux.0", 3 if bad else 1, "disk full")


@case("options-refused")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.rrq("boot.efi", tsize=0, blksize=1468)
    s.oack(tsize=700, blksize=1468)
    s.error(8, "User aborted the transfer", client=True)
    if not bad:  # that was the size probe of EDK2
        s.fetch("boot.efi", blksize=1468)


@case("option-not-asked")
def _(s: Scene, bad: bool) -> None:
    granted: dict[str, Any] = {"tsize": 700, "blksize": 512} if bad else {"tsize": 700}
    s.offered(UEFI, ECHO)
    s.rrq("boot.efi", tsize=0)
    s.oack(**granted)
    s.error(8, "unexpected option", client=True)
    s.rrq("boot.efi", tsize=0)
    s.oack(**granted)
    s.wait(10)
    s.arp("52:54:00:77:77:77", "10.0.0.77")  # the capture goes on: what is under way has stopped


@case("fragments-lost")
def _(s: Scene, bad: bool) -> None:
    """A firewall lets first fragments pass, and no others."""
    s.offered(UEFI, ECHO)
    s.rrq("boot.efi", blksize=8192)
    s.oack(blksize=8192)
    s.ack(0)
    for pieces in (1, 1, 1) if bad else (6,):
        s.fragments(b"\0\3\0\1MZ" + b"x" * 8190, pieces)
        s.wait(1)
    if not bad:
        s.ack(1)
        s.data(2, b"")
        s.ack(2)


@case("block-rollover")
def _(s: Scene, bad: bool) -> None:
    """A capture need not have all blocks: their numbers are enough."""
    s.offered(PI, {43: b"\x09\x14\0\0\x11Raspberry Pi Boot\xff"})
    s.rrq("kernel8.img", tsize=0, blksize=1024)
    s.oack(tsize=80_000_000, blksize=1024)
    s.ack(0)
    for block in (20000, 40000, 60000, 65535) if bad else (20000, 40000):
        s.data(block, b"x" * 1024)
        s.ack(block)
    for _ in range(4):
        s.data(65536 if bad else 40001, b"x" * 1024)
        s.wait(2)


@case("transfer-stalled")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.rrq("boot.efi", tsize=0, blksize=1024)
    s.oack(tsize=2000, blksize=1024)
    s.ack(0)
    for _ in range(4):
        s.data(1, b"x" * 1024)
        s.wait(2)
    if not bad:
        s.ack(1)
        s.data(2, b"x" * 976)
        s.ack(2)


@case("tftp-port-blocked")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    port = s.rrq("boot.efi")
    s.unreachable(3, dport=69 if bad else 514, sport=port if bad else 514)


@case("tftp-unanswered")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.rrq("boot.efi")
    for _ in range(3):
        s.wait(4)
        s.rrq("boot.efi", again=True)
    if not bad:
        s.data(1, b"x" * 100)
        s.ack(1)


@case("tftp-from-other-address")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.rrq("boot.efi")
    for _ in range(3):
        s.data(1, b"x" * 512, server="172.17.0.1" if bad else SERVER)
        s.wait(2)


@case("lossy-link")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.rrq("boot.efi")
    for block in range(1, 60):
        for _ in range(2 if bad and block % 2 else 1):
            s.data(block, b"MZ" + b"x" * 510)
        s.ack(block)
    s.data(60, b"x")
    s.ack(60)


@case("late-answers")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.rrq("boot.efi")
    for block in range(1, 60):
        for _ in range(2 if block % 2 else 1):
            s.data(block, b"MZ" + b"x" * 510)
        for _ in range(2 if bad and block % 2 else 1):
            s.ack(block)
    s.data(60, b"x")
    s.ack(60)


@case("http-not-found")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.http("GET", "/boot.efi", "HTTP/1.1 404 Not Found\r\nContent-Length: 0" if bad else _OK, _BODY)


@case("http-error")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.http("GET", "/boot.efi", f"HTTP/1.1 {403 if bad else 404} No\r\nContent-Length: 0")


@case("http-redirect")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.http(
        "GET", "/boot.efi", "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\nLocation: https://example/boot.efi"
    )
    if not bad:  # it follows
        s.http("GET", "/boot2.efi", _OK, _BODY, agent="iPXE/1.21.1")


@case("http-no-length")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.http("HEAD", "/boot.efi", _OK.replace("Content-Length: 8\r\n", "") if bad else _OK)


@case("http-closed-after-head")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.http("HEAD", "/boot.efi", _OK.replace("HTTP/1.1", "HTTP/1.0"), close=True)
    if not bad:  # it opens another connection
        s.http("GET", "/boot.efi", _OK, _BODY)


@case("http-empty-server")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.http("HEAD", "/boot.efi", _OK.replace("Server: nginx", "Server:") if bad else _OK)


@case("http-unknown-type")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.http("HEAD", "/boot?mac=1" if bad else "/boot.efi", _OK.replace("application/efi", "text/plain"))


@case("http-no-range")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    answer = _OK if bad else _OK.replace("200 OK", "206 Partial Content")
    s.http("GET", "/initrd", answer, _BODY, head="Range: bytes=100-107\r\n", agent="iPXE/1.21.1")


@case("http-cut-short")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    answer = _OK.replace("Length: 8", "Length: 99999") if bad else _OK
    s.http("GET", "/boot.efi", answer, _BODY, close=True)


@case("http-stalled")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.http("GET", "/boot.efi", _OK.replace("Length: 8", "Length: 99999"), _BODY)
    for _ in range(3):
        s.wait(5)
        s.tcp("A", window=0)  # to each probe of the server
    if not bad:  # it was only slow
        s.tcp("A")
        s.tcp("PA", b"x" * 99, down=True, seq=1000)


@case("http-refused")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.tcp("S")
    s.tcp("RA" if bad else "SA", down=True)


@case("tls-to-plain")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, ECHO)
    s.connect()
    s.tcp("PA", b"\x16\x03\x01\x02\0\x01\0\1\xfc\3\3" + bytes(100))
    s.tcp("PA", b"HTTP/1.1 400 Bad Request\r\n\r\n" if bad else b"\x16\x03\x03\0\x7a\2\0\0\x76", down=True)


@case("wrong-architecture")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI_ARM, ECHO)
    s.fetch("boot.efi", pe(0x8664 if bad else 0xAA64) + bytes(100))


@case("bios-loader-to-uefi")
def _(s: Scene, bad: bool) -> None:
    s.offered(UEFI, {**ECHO, "file": b"undionly.kpxe"})
    s.fetch("undionly.kpxe", b"\xea\5\0\xc0\7" + bytes(100) if bad else pe())


@case("uefi-loader-to-bios")
def _(s: Scene, bad: bool) -> None:
    s.offered(BIOS, {**ECHO, "file": b"ipxe.efi"})
    s.fetch("ipxe.efi", pe(0x14C) if bad else b"\xea\5\0\xc0\7" + bytes(100))


@case("zboot-for-booti")
def _(s: Scene, bad: bool) -> None:
    s.offered(UBOOT, {"file": b"boot.scr.uimg"})
    s.fetch("boot.scr.uimg")
    zboot = bytearray(pe(0xAA64))
    zboot[4:8] = b"zimg"
    image = bytearray(pe(0xAA64))
    image[0x38:0x3C] = b"ARMd"
    s.fetch("vmlinuz", bytes(zboot if bad else image))


@case("pi-wrong-folder")
def _(s: Scene, bad: bool) -> None:
    s.offered(PI, {43: b"\x09\x14\0\0\x11Raspberry Pi Boot\xff"})
    s.fetch(f"{'deadbee0' if bad else _PI_SERIAL}/config.txt")  # of its neighbour, in the same capture
    s.missing(f"{_PI_SERIAL}/config.txt")
    s.missing(f"{_PI_SERIAL}/start4.elf")


@case("pi-firmware-missing")
def _(s: Scene, bad: bool) -> None:
    s.offered(PI, {43: b"\x09\x14\0\0\x11Raspberry Pi Boot\xff", "yiaddr": CLIENT})
    s.missing(f"{_PI_SERIAL}/start4.elf")
    s.missing("start4.elf") if bad else s.fetch("start4.elf")
