"""What was loaded cannot be started: the wrong architecture, the wrong kind, or itself again."""

from collections.abc import Iterator

from pxe.boot.sniff import Program, program
from pxe.explain.evidence import Dhcp, Evidence
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.rules.talk import asked_at, asker, firmware_of, replies, who
from pxe.explain.text import line, shown
from pxe.plan import Arch, Firmware
from pxe.wire.dhcp4 import MessageType

_UEFI = (Firmware.UEFI_PXE, Firmware.UEFI_HTTP)
_BITS32 = (Arch.X86, Arch.X86_64)
Loaded = tuple[int, str, bytes, str]  # when, name, first bytes, the line that shows it


def _loaded(e: Evidence) -> Iterator[Loaded]:
    """The files that arrived and whose beginning was recorded."""
    for t in e.transfers:
        if t.done and len(t.head) > 2:
            yield t.last_ns, t.name, t.head, line(t)
    for x in e.http:
        if x.status == 200 and x.method == "GET" and len(x.head) > 2:
            yield x.t_ns, x.target, x.head, line(x)


def _handed(e: Evidence) -> set[str]:
    """Names that DHCP gave, without host and leading slash."""
    return {_path(m.bootfile).lstrip("/") for m in replies(e) if m.bootfile}


def _path(name: str) -> str:
    return ("/" + name.partition("://")[2].partition("/")[2]) if "://" in name else name


def _asked_at(e: Evidence, t_ns: int) -> tuple[Firmware, Arch]:
    """Who asked DHCP last before `t_ns`."""
    found = asked_at(e, t_ns)
    return (found.firmware, found.arch) if found is not None else (Firmware.UNKNOWN, Arch.UNKNOWN)


@rule(
    "wrong-architecture",
    Stage.LOADER,
    seen="the file's header names another processor than the client's option 93, and nothing else is fetched",
    sentence="{file} is for {is_}, and the machine is {wanted} (option 93): its firmware does not start it.",
    cure="Give the machine the loader or kernel for {wanted}; choose by option 93, not by the name in "
    "option 60.",
    basis="RFC 4578 section 2.1; PE/COFF specification (Machine)",
)
def wrong_architecture(e: Evidence) -> Iterator[Hit]:
    """A 32-bit BIOS loader starts 64-bit kernels; UEFI starts its own kind only."""
    for t_ns, name, head, shows in _loaded(e):
        firmware, arch = _asked_at(e, t_ns)
        found = program(head)
        if found.arch in (None, Arch.UNKNOWN) or arch is Arch.UNKNOWN or found.arch is arch:
            continue
        if found.arch in _BITS32 and arch in _BITS32 and firmware not in _UEFI:
            continue
        yield hit(t_ns, shows, file=shown(name), is_=f"{found.arch} ({found.kind})", wanted=arch)


@rule(
    "bios-loader-to-uefi",
    Stage.LOADER,
    seen="a UEFI client is handed a file that is no EFI program, and fetches nothing else",
    sentence="{who} was handed {file}, which is no EFI program{what}: it cannot start it.",
    cure="Hand UEFI clients (option 93 of 6 and above) an EFI program such as ipxe.efi, snponly.efi or a "
    "shim.",
    basis="UEFI 2.10 section 2.1.1; RFC 4578 section 2.1",
)
def bios_loader_to_uefi(e: Evidence) -> Iterator[Hit]:
    """undionly.kpxe and pxelinux.0 are for BIOS."""
    handed = _handed(e)
    for t_ns, name, head, shows in _loaded(e):
        firmware, _ = _asked_at(e, t_ns)
        if firmware in _UEFI and name.lstrip("/") in handed and head[:2] != b"MZ":
            what = program(head).kind
            yield hit(t_ns, shows, who=who(e), file=shown(name), what=f" but a {what}" if what else "")


@rule(
    "uefi-loader-to-bios",
    Stage.LOADER,
    seen="a BIOS client is handed an EFI program, and fetches nothing else",
    sentence="{who} was handed {file}, an EFI program: a BIOS cannot start it.",
    cure="Hand BIOS clients (option 93 = 0) a PXE loader such as undionly.kpxe or pxelinux.0.",
    basis="PXE 2.1 section 4.4.1; RFC 4578 section 2.1",
)
def uefi_loader_to_bios(e: Evidence) -> Iterator[Hit]:
    """The other way round."""
    handed = _handed(e)
    for t_ns, name, head, shows in _loaded(e):
        firmware, arch = _asked_at(e, t_ns)
        bios = firmware is Firmware.BIOS_PXE or (firmware is Firmware.IPXE and arch is Arch.X86)
        if bios and name.lstrip("/") in handed and program(head).kind == "EFI program":
            yield hit(t_ns, shows, who=who(e), file=shown(name))


@rule(
    "ipxe-loop",
    Stage.FILES,
    seen="iPXE (option 77 or 175) is handed the same loader twice, and loads itself again and again",
    sentence="iPXE on {mac} is handed {file} again, itself: it loads itself for ever ({count} times so far).",
    cure="Hand clients with option 77 = `iPXE` a script (http://.../boot.ipxe), and the loader to others "
    "only.",
    basis="RFC 3004 (user class); ipxe.org/howto/chainloading",
)
def ipxe_loop(e: Evidence) -> Iterator[Hit]:
    """The rule by user class is missing, or the server compares it with a length byte that iPXE leaves "
    "out."""
    times: dict[str, list[Dhcp]] = {}
    for m in replies(e, MessageType.ACK):
        asked = asker(e, m)
        if asked is not None and asked.firmware is Firmware.IPXE and _is_program(m.bootfile):
            times.setdefault(m.bootfile, []).append(m)
    newest = {file.lstrip("/"): t_ns for t_ns, file in sorted(_loaded_names(e))}
    for name, given in times.items():
        if len(given) > 1:
            last = given[-1]
            t_ns = max(last.t_ns, newest.get(_path(name).lstrip("/"), 0))
            yield hit(t_ns, line(last), mac=e.mac, file=shown(name), count=len(given))


def _is_program(name: str) -> bool:
    return name.lower().endswith((".efi", ".kpxe", ".pxe", ".0", ".kkpxe", ".lkrn"))


def _loaded_names(e: Evidence) -> Iterator[tuple[int, str]]:
    for t in e.transfers:
        if t.done:
            yield t.last_ns, t.name
    for x in e.http:
        if x.status == 200:
            yield x.t_ns, x.target


@rule(
    "zboot-for-booti",
    Stage.LOADER,
    seen="U-Boot fetched an EFI zboot kernel, which only EFI can unpack, and nothing else after it",
    sentence="U-Boot fetched {file}, an EFI zboot kernel: booti takes a plain arm64 Image only.",
    cure="Unpack it once (`bootlab image unpack`), or start it with bootefi.",
    basis="Linux drivers/firmware/efi/libstub/zboot-header.S; U-Boot cmd/booti.c",
)
def zboot_for_booti(e: Evidence) -> Iterator[Hit]:
    """Distributions ship it as vmlinuz since Linux 6.1."""
    if firmware_of(e) is not Firmware.UBOOT:
        return
    handed = _handed(e)
    for t_ns, name, head, shows in _loaded(e):
        found: Program = program(head)
        if found.zboot and name.lstrip("/") not in handed:
            yield hit(t_ns, shows, file=shown(name))
