"""Files over TFTP: refused, lost on the way, or stuck."""

import difflib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import Final

from pxe.explain.evidence import Evidence, Transfer, Unreachable
from pxe.explain.finding import Severity
from pxe.explain.progress import has_all
from pxe.explain.rule import Hit, Stage, hit, rule
from pxe.explain.rules.talk import firmware_of, who, who_at
from pxe.explain.text import line, shown
from pxe.plan import Firmware

_NOT_FOUND, _ACCESS, _OPTIONS = 1, 2, 8
_UNFRAGMENTED: Final = 1468  # of 1500 bytes, less IP, UDP and TFTP headers
_ROLLOVER: Final = 65535
_LOSSY_BLOCKS, _LOSSY_SHARE = 20, 0.01
_PROHIBITED: Final = (9, 10, 13)


def _tftp(e: Evidence) -> list[Transfer]:
    return [t for t in e.transfers if t.protocol == "tftp"]


def nearest(name: str, files: frozenset[str]) -> str:
    """Files that exist and are called nearly so, as a sentence's tail; "" where none is."""
    base = name.rpartition("/")[2]
    found = difflib.get_close_matches(name, list(files)[:2000], n=3, cutoff=0.6)
    found += [f for f in sorted(files) if f.rpartition("/")[2] == base and f not in found][:2]
    return f"; there is {', '.join(found)}" if found else ""


@rule(
    "file-not-found",
    Stage.FILES,
    seen="a file is refused because it is not there (TFTP error 1), and none is fetched after it",
    sentence="{who} asked {server} for {file}, and there is no such file{nearest}.",
    cure="Put the file there, or correct the name in the plan, the DHCP answer or the script that names it.",
    basis="RFC 1350 section 5 (error 1)",
    vague=True,
)
def file_not_found(e: Evidence) -> Iterator[Hit]:
    """Where U-Boot or GRUB goes through many names, only the last counts, and only if nothing else came."""
    missed = [t for t in e.transfers if t.outcome == "refused" and t.error == _NOT_FOUND]
    if missed and not has_all(e):  # an operating system may ask for what it can do without
        last = missed[-1]
        near = nearest(last.name, e.network.files)
        lines = [line(t) for t in missed[-3:]]
        yield hit(last.last_ns, *lines, who=who(e), server=last.server, file=shown(last.name), nearest=near)


@rule(
    "access-denied",
    Stage.FILES,
    seen="a file is refused for lack of permission (TFTP error 2), and none is fetched after it",
    sentence="{server} refuses {file} to {who}: {why}.",
    cure="Let the server read the file (chmod a+r, also its folders), and name it below the server's root.",
    basis="RFC 1350 section 5 (error 2)",
)
def access_denied(e: Evidence) -> Iterator[Hit]:
    """It is there, perhaps, and not for reading."""
    for t in _tftp(e):
        if t.outcome == "refused" and t.error == _ACCESS:
            why = shown(t.error_text) or "access violation"
            yield hit(t.last_ns, line(t), server=t.server, file=shown(t.name), who=who(e), why=why)


@rule(
    "error-code-loops",
    Stage.FILES,
    seen="U-Boot gets an error other than 1 and 2 for a file, and asks for the same file again",
    sentence="U-Boot asks {server} for {file} over and over ({count} times): error {code} makes it start "
    "again, only "
    "1 and 2 make it go on.",
    cure="Make the server answer error 1 (file not found) for what it does not have.",
    basis="U-Boot net/tftp.c (TFTP_ERROR)",
)
def error_code_loops(e: Evidence) -> Iterator[Hit]:
    """pixiecore always sends 0."""
    failed = [t for t in _tftp(e) if t.error not in (None, _NOT_FOUND, _ACCESS) and not t.error_by_client]
    times = Counter(t.name for t in failed)
    again = [t for t in failed if times[t.name] > 1]
    if again and firmware_of(e) is Firmware.UBOOT:
        last = again[-1]
        values = {
            "server": last.server,
            "file": shown(last.name),
            "count": times[last.name],
            "code": last.error,
        }
        yield hit(last.last_ns, line(again[0]), line(last), **values)


@rule(
    "tftp-error",
    Stage.FILES,
    seen="a transfer ends in another TFTP error",
    sentence="The transfer of {file} from {server} ended in error {code} of the {side}: {text}.",
    cure="See the {side}'s log for that moment; error 3 is a full disk or memory, 0 is told by its text.",
    basis="RFC 1350 section 5",
    vague=True,
)
def tftp_error(e: Evidence) -> Iterator[Hit]:
    """All other codes."""
    for t in _tftp(e):
        known = t.outcome == "refused" and t.error in (_NOT_FOUND, _ACCESS)
        if t.error is not None and t.outcome in ("error", "refused") and not known and t.error != _OPTIONS:
            side = "client" if t.error_by_client else "server"
            text = shown(t.error_text) or "no text"
            yield hit(
                t.last_ns, line(t), file=shown(t.name), server=t.server, code=t.error, side=side, text=text
            )


@rule(
    "options-refused",
    Stage.FILES,
    seen="error 8 about the options, and the file is not asked for again (a size probe would be)",
    sentence="The {side} refuses the options of {file} (error 8{text}): asked {asked}, granted {granted}.",
    cure="Grant only what was asked for, and no larger value (RFC 2347); a size probe that is broken off is "
    "normal.",
    basis="RFC 2347 (error 8); EDK2 aborts its size probe with it",
)
def options_refused(e: Evidence) -> Iterator[Hit]:
    """EDK2 and iPXE ask for the size, break off with error 8, and ask again at once: that is no fault."""
    transfers = _tftp(e)
    last = max((t.t_ns for t in transfers), default=0)
    for t in transfers:
        if t.error != _OPTIONS or last > t.t_ns:
            continue
        text = f": {shown(t.error_text)}" if t.error_text else ""
        side = "client" if t.error_by_client else "server"
        asked, granted = _options(t.asked), _options(t.granted or {})
        yield hit(t.last_ns, line(t), side=side, file=shown(t.name), text=text, asked=asked, granted=granted)


def _options(options: object) -> str:
    assert isinstance(options, dict)
    return shown(" ".join(f"{name}={value}" for name, value in options.items())) or "nothing"


@rule(
    "option-not-asked",
    Stage.FILES,
    seen="the OACK grants an option that was not asked for, or a larger value, and the transfer comes to "
    "nothing",
    sentence="{server} grants {option}, which {who} did not ask for: strict clients give up.",
    cure="Use a TFTP server that keeps to RFC 2347 (tftpy adds blksize), or ask for that option.",
    basis="RFC 2347; RFC 2348",
)
def option_not_asked(e: Evidence) -> Iterator[Hit]:
    """U-Boot and EDK2 ask for blksize themselves, and do not notice."""
    for t in _tftp(e):
        if t.done or t.outcome == "open":
            continue
        for name, value in (t.granted or {}).items():
            asked = t.asked.get(name)
            larger = name == "blksize" and _int(value) > _int(asked or "")
            if asked is None or larger:
                option = shown(f"{name}={value}")
                yield hit(t.last_ns, line(t), server=t.server, option=option, who=who(e))


def _int(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


@rule(
    "fragments-lost",
    Stage.FILES,
    seen="blocks larger than a frame (blksize above 1468) that never arrive: fragments are missing, or the "
    "first "
    "block is never acknowledged",
    sentence="{file} comes in blocks of {blksize} bytes, which are sent in fragments, and those do not "
    "arrive.",
    cure="Limit blksize to 1468 on the server (or the client); let the firewall pass IP fragments.",
    basis="RFC 2348 (blksize and MTU); RFC 791 section 3.2",
)
def fragments_lost(e: Evidence) -> Iterator[Hit]:
    """Some firmware has no reassembly, and many firewalls drop what is not the first fragment."""
    for t in _tftp(e):
        blksize = _int((t.granted or {}).get("blksize", ""))
        stuck = t.acked == 0 and t.block <= 64 and (t.repeated or t.outcome == "stalled")
        if blksize > _UNFRAGMENTED and not t.done and (t.fragments_lost or stuck):
            yield hit(t.last_ns, line(t), file=shown(t.name), blksize=blksize)


@rule(
    "block-rollover",
    Stage.FILES,
    seen="a transfer stops where block numbers run over, after 65535 blocks",
    sentence="{file} stopped after {block} blocks of {blksize} bytes: {who} cannot count past 65535.",
    cure="Ask for a larger blksize, fetch the file over HTTP, or make it smaller than {most} MB.",
    basis="RFC 1350 (16-bit block number); rpi-eeprom 2025-09-23",
)
def block_rollover(e: Evidence) -> Iterator[Hit]:
    """Raspberry Pi firmware before September 2025, old PXE ROMs; 64 MiB at 1024 bytes."""
    for t in _tftp(e):
        blksize = _int((t.granted or {}).get("blksize", "")) or 512
        known = t.size // blksize >= _ROLLOVER if t.size is not None else t.block >= _ROLLOVER
        sent = t.block in range(_ROLLOVER - 64, _ROLLOVER + 65) or t.acked in (_ROLLOVER, _ROLLOVER + 1)
        told = t.sent // blksize in range(_ROLLOVER - 64, _ROLLOVER + 65)
        if not t.done and t.outcome != "open" and known and (sent or told):
            values = {"file": shown(t.name), "block": t.block or t.sent // blksize, "blksize": blksize}
            yield hit(t.last_ns, line(t), who=who(e), most=blksize * _ROLLOVER // 1_000_000, **values)


@rule(
    "transfer-stalled",
    Stage.FILES,
    seen="a transfer began, and nothing new comes any more",
    sentence="The transfer of {file} stopped after {sent} of {size} bytes: packets no longer get through "
    "between {server} and {who}.",
    cure="Check the link and the switch for errors, duplex and MTU; see whether the machine still runs.",
    basis="RFC 1350 section 2 (retransmission)",
    vague=True,
)
def transfer_stalled(e: Evidence) -> Iterator[Hit]:
    """Neither end says why."""
    for t in _tftp(e):
        if t.outcome == "stalled":
            size = t.size if t.size is not None else "unknown"
            values = {
                "file": shown(t.name),
                "sent": t.sent,
                "size": size,
                "server": t.server,
            }
            yield hit(t.last_ns, line(t), who=who(e), **values)


@rule(
    "tftp-port-blocked",
    Stage.FILES,
    seen="ICMP says that the server's TFTP port, or the client's, is closed or filtered",
    sentence="TFTP between {client} and {server} is blocked: {reporter} says that {target} is {why}.",
    cure="Start the TFTP server, or open UDP 69 and its high ports in the firewall of {host}.",
    basis="RFC 792 (destination unreachable); RFC 1812 section 5.2.7.1",
)
def tftp_port_blocked(e: Evidence) -> Iterator[Hit]:
    """Nobody listens, or a firewall says so."""
    flows: dict[tuple[str, int], list[Transfer]] = {}
    for t in _tftp(e):
        flows.setdefault((t.client, t.client_port), []).append(t)
    for u in e.unreachable:
        about = _about(u, flows)
        if about is None or about.done:
            continue
        values = {
            "host": u.destination,
            "client": about.client,
            "server": about.server,
            "reporter": u.reporter,
            "target": f"{u.destination}:{u.dport}",
            "why": "filtered by a firewall" if u.code in _PROHIBITED else "closed or unreachable",
        }
        yield hit(u.t_ns, line(about), line(u), **values)


def _about(u: Unreachable, flows: dict[tuple[str, int], list[Transfer]]) -> Transfer | None:
    """The newest transfer of that port by then, be it what the client or what the server sent."""
    up = [t for t in flows.get((u.source, u.sport), ()) if t.server == u.destination]
    of_port = up or flows.get((u.destination, u.dport), [])
    later = bisect_right(of_port, u.t_ns, key=lambda t: t.t_ns)
    return of_port[later - 1] if later else None


@rule(
    "tftp-unanswered",
    Stage.FILES,
    seen="requests to port 69 that nobody answers",
    sentence="{who} asked {server} for {file} {count} times, and no TFTP server answered.",
    cure="Start a TFTP server on {server}, open UDP 69 in its firewall, or correct `next-server`.",
    basis="RFC 1350 section 4 (PXE-E32)",
    vague=True,
)
def tftp_unanswered(e: Evidence) -> Iterator[Hit]:
    """Silence."""
    lost = [t for t in _tftp(e) if t.outcome == "unanswered"]
    if lost:
        last = lost[-1]
        count = sum(t.requests for t in lost if t.name == last.name)
        yield hit(
            last.last_ns, line(last), who=who(e), server=last.server, file=shown(last.name), count=count
        )


@rule(
    "tftp-from-other-address",
    Stage.FILES,
    seen="the answer to a request comes from another address than it went to",
    sentence="{who} asked {server} for {file}, and the answer left from {source}: the client drops it.",
    cure="Make the server answer from the address that was asked: bind it to {server} (Docker: host "
    "network).",
    basis="RFC 1123 section 4.2.3.4; RFC 1350 section 4",
)
def tftp_from_other_address(e: Evidence) -> Iterator[Hit]:
    """A server with several addresses, or behind NAT."""
    for t in _tftp(e):
        if t.answered_from and t.answered_from != t.server and not t.done:
            values = {"server": t.server, "file": shown(t.name), "source": t.answered_from}
            yield hit(t.last_ns, line(t), who=who(e), **values)


@rule(
    "lossy-link",
    Stage.FILES,
    seen="the file arrived; 20 blocks or more, and more than 1 % of all, were sent again, and most of these "
    "were answered once",
    sentence="{file} needed {again} blocks again of {blocks} ({share:.1f} %): packets are lost on the way, "
    "or {who} is too slow to take them.",
    cure="Check its cable, switch port counters and duplex. A smaller windowsize loses less at once. Where "
    "many machines have it at the same time, start fewer.",
    basis="RFC 7440 section 3; RFC 1350 section 2",
    severity=Severity.WARNING,
)
def lossy_link(e: Evidence) -> Iterator[Hit]:
    """It boots, slowly. Whether the wire or the machine's card loses them, no server can see; and a client
    that passes over in silence what it has already (U-Boot, EDK2 and iPXE answer) looks as if it had lost
    it."""
    for t, values in _repeated(e):
        if 2 * t.late < t.repeated:
            yield hit(t.last_ns, line(t), who=who_at(e, t.t_ns), **values)


@rule(
    "late-answers",
    Stage.FILES,
    seen="20 blocks or more, and more than 1 % of all, were sent again, and half of these or more were "
    "answered twice: the first copy had arrived",
    sentence="{file} was sent {again} blocks again of {blocks} ({share:.1f} %), and {late} of these had "
    "arrived: answers come late, nothing of the file is lost.",
    cure="The cable is well. See what keeps the machine or the server busy: start fewer machines at a time, "
    "look at the server's load; in a capture taken behind a switch, it may be that ACKs are lost.",
    basis="RFC 1350 section 2; RFC 1123 section 4.2.3.1",
    severity=Severity.WARNING,
)
def late_answers(e: Evidence) -> Iterator[Hit]:
    """Too busy to be in time: an emulated board on a busy host, a server with too much to do."""
    for t, values in _repeated(e):
        if 2 * t.late >= t.repeated:
            yield hit(t.last_ns, line(t), late=t.late, **values)


def _repeated(e: Evidence) -> Iterator[tuple[Transfer, dict[str, object]]]:
    """Transfers of which much was sent again, with what to say of them."""
    for t in e.transfers:
        if not t.done and t.outcome != "open":
            continue  # repeated to the end, and why is told elsewhere
        blksize = _int((t.granted or {}).get("blksize", "")) or _UNFRAGMENTED
        blocks = t.blocks or t.repeated + t.sent // blksize
        if t.repeated >= _LOSSY_BLOCKS and t.repeated > blocks * _LOSSY_SHARE:
            share = 100 * t.repeated / max(blocks, t.repeated)
            yield t, {"file": shown(t.name), "again": t.repeated, "blocks": blocks, "share": share}
