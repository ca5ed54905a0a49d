"""What the console says at the end: the firmware's, the loader's and the kernel's own words."""

import re
from collections.abc import Iterator
from dataclasses import replace

from pxe.explain.evidence import Evidence, Line
from pxe.explain.finding import Severity
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.text import line, shown

_PXE_CODES = {
    "E05": "the card's own settings are damaged: reset the card",
    "E09": "a plug-and-play fault: update the BIOS",
    "E0A": "the card's own settings are wrong",
    "E11": "ARP time-out: it cannot reach the TFTP server; check router, mask and conflicts of addresses",
    "E16": "no offer with a boot server: see nobody-on-4011 and no-bootfile",
    "E18": "time-out of the boot server: see nobody-on-4011",
    "E23": "the client was told a wrong TFTP block: see lossy-link",
    "E32": "the TFTP server does not answer: see tftp-unanswered",
    "E35": "time-out in the middle of a file: see transfer-stalled",
    "E36": "the TFTP server sent an error: see file-not-found",
    "E38": "the TFTP server cannot be connected to: see tftp-unanswered",
    "E3B": "the TFTP server has no such file: see file-not-found",
    "E3F": "the packet is larger than the client's buffer: limit blksize",
    "E51": "no DHCP or proxyDHCP offer came: see no-offer-to-anybody",
    "E52": "only a proxyDHCP offer came, no address: see proxy-only",
    "E53": "no file name was given: see no-bootfile",
    "E55": "no answer on port 4011: see nobody-on-4011",
    "E61": "no link: check the cable",
    "E74": "a boot menu without time-out data: correct option 43.10",
    "E77": "a discovery list without servers: correct option 43.8",
    "E78": "no boot server was found: correct option 43.8",
    "E79": "the loader is larger than the memory for it: use a smaller one",
    "E99": "an unexpected network error",
}
_LONG = 116
_PXE = re.compile(r"PXE-(E[0-9A-F]{2})\b")


def _said(e: Evidence, pattern: str) -> Iterator[Line]:
    """The lines that match, in order; of a long one what is around the match."""
    compiled = re.compile(pattern)
    for it in e.console:
        found = compiled.search(it.text)
        if found is not None:
            yield replace(it, text=_around(it.text, found)) if len(it.text) > _LONG else it


def _around(text: str, found: re.Match[str]) -> str:
    """A whole screen may be one line: shim draws its box by cursor movements, and pads it by spaces."""
    begin = text.rfind("  ", 0, found.start()) + 1
    end = text.find("  ", found.end())
    words = text[begin : end if end >= 0 else len(text)].strip()
    return words if len(words) <= _LONG else f"{words[:64]} ... {words[-48:]}"


def _hit(it: Line) -> Hit:
    return hit(it.t_ns, line(it), line=shown(it.text.strip()))


@rule(
    "pxe-error",
    Stage.FILES,
    seen="the console shows an error code of a PXE ROM (PXE-E..), and no file is fetched after it",
    sentence="The PXE ROM says PXE-{code}: {meaning}.",
    cure="The code names the step that failed; a capture (`bootlab explain FILE`) shows who did not answer.",
    basis="PXE 2.1 attachment D; Intel Boot Agent messages",
    vague=True,
)
def pxe_error(e: Evidence) -> Iterator[Hit]:
    """Where a packet tells more, its rule speaks."""
    for it in _said(e, _PXE.pattern):
        for code in _PXE.findall(it.text):
            if code in _PXE_CODES:
                yield hit(it.t_ns, line(it), code=code, meaning=_PXE_CODES[code])


@rule(
    "no-serverip",
    Stage.BOOTFILE,
    seen="U-Boot's console says that `serverip' is not set",
    sentence="U-Boot does not know its TFTP server: the DHCP answer left siaddr at 0.0.0.0.",
    cure="Set siaddr (`next-server`) in the DHCP answer; U-Boot does not read option 66.",
    basis="U-Boot net/tftp.c; RFC 2131 section 2 (siaddr)",
)
def no_serverip(e: Evidence) -> Iterator[Hit]:
    """The same as no-next-server, seen from the other side."""
    for it in _said(e, r"`serverip' not set"):
        yield hit(it.t_ns, line(it))


@rule(
    "secure-boot",
    Stage.LOADER,
    seen="the console says that a signature was refused",
    sentence="Secure boot refuses what was loaded: {line}",
    cure="Load a signed shim, GRUB or iPXE and a signed kernel, enrol your key, or switch secure boot off.",
    basis="UEFI 2.10 section 32; shim's README",
)
def secure_boot(e: Evidence) -> Iterator[Hit]:
    """EDK2, shim, GRUB and iPXE each have their own words for it."""
    pattern = (
        r"(?i)security violation|image verification failed|bad shim signature|"
        r"^BdsDxe: failed to load .*: access denied|secure boot.*(?:fail|violation|denied)|"
        r"verification failed: \(?0x1a\)?|invalid signature detected|SBAT self-check failed"
    )
    yield from map(_hit, _said(e, pattern))


@rule(
    "rejected-image",
    Stage.LOADER,
    seen="the boot loader says on the console that a file is not of its kind",
    sentence="The boot loader rejects what was served: {line}",
    cure="Check that the file is a kernel for this board and loader, and that it is whole (sha256 in the "
    "plan).",
    basis="U-Boot cmd/booti.c; iPXE (Exec format error); GRUB loader/linux",
)
def rejected_image(e: Evidence) -> Iterator[Hit]:
    """Its own words."""
    pattern = (
        r"Bad Linux ARM64 Image magic|Wrong (?:Ramdisk )?Image Format|Bad (?:Header|Data) (?:Checksum|CRC)|"
        r"Exec format error|error: invalid (?:magic number|arch-\w+ ELF magic)|ERROR: image is not a fdt|"
        r"error: plain image kernel not supported|Not a bootable image"
    )
    yield from map(_hit, _said(e, pattern))


@rule(
    "loader-crash",
    Stage.LOADER,
    seen="U-Boot says on the console that it hit a fault of the processor",
    sentence="The boot loader crashed: {line}",
    cure="Check the load addresses (kernel_addr_r, ramdisk_addr_r, fdt_addr_r) against the memory and the "
    "sizes of the files; try the U-Boot that booted last.",
    basis="U-Boot arch/arm/lib/interrupts_64.c, interrupts.c",
)
def loader_crash(e: Evidence) -> Iterator[Hit]:
    """Its exception handlers' own words."""
    pattern = r"(?:Synchronous|Error) ?Abort\" handler|^(?:data|prefetch) abort|### ERROR ### Please RESET"
    yield from map(_hit, _said(e, pattern))


@rule(
    "clock",
    Stage.FILES,
    seen="the console says that a certificate is not valid yet, or no longer",
    sentence="The machine's clock, or a certificate, is wrong: {line}",
    cure="Set the machine's clock (option 42 names a time server), or fetch over plain http; renew the "
    "certificate.",
    basis="RFC 5280 section 4.1.2.5",
)
def clock(e: Evidence) -> Iterator[Hit]:
    """Boards without a battery begin in 1970."""
    pattern = r"(?i)certificate.{0,40}(?:not yet valid|expired|not valid)|clock skew|ipxe\.org/0216eb"
    yield from map(_hit, _said(e, pattern))


@rule(
    "no-init",
    Stage.KERNEL,
    seen="the kernel says that it found no init",
    sentence="The kernel runs, and finds no init to start: {line}",
    cure="Check that the initrd is the right one, whole, for this architecture, and that the loader handed "
    "it over.",
    basis="Linux init/main.c (kernel_init)",
)
def no_init(e: Evidence) -> Iterator[Hit]:
    """An initrd that was not handed over looks like this as well."""
    yield from map(_hit, _said(e, r"No working init found|Requested init \S+ failed|init not found"))


@rule(
    "no-root",
    Stage.KERNEL,
    seen="the kernel says that it cannot mount its root file system",
    sentence="The kernel cannot mount its root file system: {line}",
    cure="Hand it an initrd, or correct root= on its command line; check that it has the disk's or NFS's "
    "driver.",
    basis="Linux init/do_mounts.c; Documentation/admin-guide/nfs/nfsroot.rst",
)
def no_root(e: Evidence) -> Iterator[Hit]:
    """No initrd came, or root= is wrong."""
    pattern = (
        r"Unable to mount root fs|VFS: Cannot open root device|Give root= option|ALERT! .* does not exist"
    )
    yield from map(_hit, _said(e, pattern))


@rule(
    "initrd-damaged",
    Stage.KERNEL,
    seen="the kernel says that it cannot unpack the initrd",
    sentence="The kernel cannot unpack its initrd: {line}",
    cure="Check the initrd's checksum, that the kernel has its compression, and that it loads clear of the "
    "kernel.",
    basis="Linux init/initramfs.c",
)
def initrd_damaged(e: Evidence) -> Iterator[Hit]:
    """Cut short, overwritten, or compressed in a way that the kernel does not know."""
    pattern = (
        r"Initramfs unpacking failed|rootfs image is not initramfs|junk (?:in|within) compressed archive"
    )
    yield from map(_hit, _said(e, pattern))


@rule(
    "out-of-memory",
    Stage.KERNEL,
    seen="the loader or kernel says that memory ran out",
    sentence="The machine has too little memory for what it was given: {line}",
    cure="Use a smaller initrd, or give the machine more memory; an installer's initrd unpacks to several "
    "times its "
    "size.",
    basis="Linux mm/oom_kill.c; iPXE (Not enough space)",
)
def out_of_memory(e: Evidence) -> Iterator[Hit]:
    """A live system in memory needs the whole of it."""
    pattern = r"(?i)out of memory|not enough space|write error.{0,20}No space left"
    yield from map(_hit, _said(e, pattern))


@rule(
    "kernel-panic",
    Stage.KERNEL,
    seen="the kernel panicked for another reason",
    sentence="The kernel panicked: {line}",
    cure="Read the lines before it on the console; try the kernel that booted last.",
    basis="Linux kernel/panic.c",
    vague=True,
)
def kernel_panic(e: Evidence) -> Iterator[Hit]:
    """Its own words."""
    yield from map(_hit, _said(e, r"Kernel panic - not syncing"))


@rule(
    "kernel-oops",
    Stage.KERNEL,
    seen="the kernel hit a fault of its own (an oops, a BUG, a lockup) and did not panic",
    sentence="The kernel hit a fault of its own, and may go on half alive: {line}",
    cure="Read the lines after it (`bootlab log`): they name the driver; try the kernel that booted last.",
    basis="Linux Documentation/admin-guide/bug-hunting.rst",
    severity=Severity.WARNING,
    vague=True,
)
def kernel_oops(e: Evidence) -> Iterator[Hit]:
    """A panic that follows says more."""
    pattern = (
        r"Internal error: |(?:^|\] ?)Oops\b|Unable to handle kernel |kernel BUG at |(?:^|\] ?)BUG: |"
        r"BUG: K[A-Z]{1,3}SAN:|BUG: (?:soft|hard) lockup|hard LOCKUP"
    )
    yield from map(_hit, _said(e, pattern))


@rule(
    "wrong-console",
    Stage.KERNEL,
    seen="the loader says that it starts the kernel, and not one line comes after that",
    sentence="The kernel was started and says nothing: its console= is probably not this one.",
    cure="Put console=ttyS0 (x86), ttyAMA0 (arm) or the board's own on its command line, and `earlycon` to "
    "see "
    "whether it runs at all; check the device tree.",
    basis="Linux Documentation/admin-guide/serial-console.rst",
)
def wrong_console(e: Evidence) -> Iterator[Hit]:
    """Or it died before it could speak: earlycon tells."""
    spoken = [it for it in e.console if it.text.strip()]
    if spoken and re.search(
        r"^Starting kernel \.\.\.|EFI stub: Exiting boot services", spoken[-1].text.strip()
    ):
        yield hit(spoken[-1].t_ns, line(spoken[-1]))
