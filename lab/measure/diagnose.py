"""Why did this boot fail? A pure function from evidence to a named cause and a sentence a person can act on.

The rules follow a boot from power to ready; the first that fits names the cause. Evidence is what three
witnesses saw (console, wire, power) and what is known of the files; nothing here asks anybody anything.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from lab.model import Cause, Failure, Timeline
from lab.strategy import Ending, Verdict
from pxe.events import (
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    Event,
    TransferEnded,
    TransferRefused,
    TransferStarted,
)
from pxe.explain import explain
from pxe.explain.evidence import Line, Network
from pxe.explain.told import evidence_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was seen of one boot. `console` is its text; `events` those of the machine's MAC, in order."""

    verdict: Verdict
    timeline: Timeline
    console: str
    events: tuple[Event, ...] = ()
    plan_files: frozenset[str] = frozenset()  # names that the plan serves: a refusal of another one is normal
    file_faults: tuple[str, ...] = field(default=())  # what lab.measure.imagecheck says of the plan's files
    mac: str = ""
    firmware: frozenset[str] = frozenset(("u-boot",))  # the board's own milestones before it asks the network

    @property
    def kernel_started(self) -> bool:
        """Whether control passed to a kernel; only some boot loaders announce that they pass it."""
        return self.reached("kernel-start") or self.reached("kernel")

    def reached(self, milestone: str) -> bool:
        """Whether the milestone came."""
        return self.timeline.since_power_on(milestone) is not None

    def stamp(self, t_ns: int) -> str:
        """The instant as people read it: seconds since power-on."""
        return f"+{(t_ns - self.timeline.t0_ns) / 1e9:.2f} s"


Rule = Callable[[Evidence], Failure | None]


def diagnose(evidence: Evidence) -> Failure:
    """Name the cause of a boot that did not get ready."""
    found = (rule(evidence) for rule in _RULES)
    failure = next((it for it in found if it is not None), None) or _not_ready(evidence)
    return replace(failure, evidence=(*explained(evidence), *failure.evidence))


def explained(e: Evidence) -> tuple[str, ...]:
    """What the explain engine makes of the same events and console lines: the sentence, and what to do."""
    if e.verdict.ending in (Ending.GONE, Ending.SERVICE_LOST):
        return ()  # the lab's own equipment ended it
    console = [Line(t_ns=e.verdict.t_ns, text=text) for text in e.console.splitlines()]
    seen = evidence_of(e.mac, e.events, console=console, network=Network(ours="this service"))
    known = (*_SAID_BETTER, "file-not-found") if e.kernel_started else _SAID_BETTER
    found = [finding for finding in explain(seen) if finding.rule not in known][:2]
    return tuple(f"why ({finding.rule}): {finding.sentence} {finding.cure}" for finding in found)


# The lab knows more of these: how long it waited, its own milestones, which file is at fault.
_SAID_BETTER = ("never-asked", "transfer-stalled", "http-stalled", "kernel-panic", "tftp-unanswered")


def _service_lost(e: Evidence) -> Failure | None:
    if e.verdict.ending is not Ending.SERVICE_LOST:
        return None
    sentence = f"The boot service stopped answering while the board was on its way to {e.verdict.awaited}."
    return Failure(Cause.LAB_FAULT, sentence, (e.verdict.detail, *_last_lines(e)))


def _board_gone(e: Evidence) -> Failure | None:
    if e.verdict.ending is not Ending.GONE:
        return None
    sentence = f"The board vanished at {e.stamp(e.verdict.t_ns)}, on its way to {e.verdict.awaited}."
    return Failure(Cause.BOARD_GONE, sentence, (e.verdict.detail, *_last_lines(e)))


def _alarm(e: Evidence) -> Failure | None:
    if e.verdict.ending is not Ending.ALARM or e.verdict.detail.startswith("cannot-boot"):
        return None
    when = e.stamp(e.verdict.t_ns)
    if e.verdict.detail.startswith("reset"):
        sentence = f"The board reset by itself at {when}, on its way to {e.verdict.awaited}."
        return Failure(Cause.UNEXPECTED_RESET, sentence, (e.verdict.detail, *_last_lines(e)))
    if e.verdict.detail.startswith("uboot-crash"):
        return _loader_crashed(e, when)
    if re.search(r"No working init|Requested init .* failed|init not found", e.console):
        sentence = f"The kernel found no init to run ({when}): is the initrd the right one, and whole?"
        return Failure(Cause.NO_INIT, sentence, (e.verdict.detail, *e.file_faults, *_last_lines(e)))
    hint = " It found no root file system." if "Unable to mount root fs" in e.console else ""
    sentence = f"The kernel panicked at {when}.{hint}"
    return Failure(Cause.KERNEL_PANIC, sentence, (e.verdict.detail, *e.file_faults, *_last_lines(e)))


def _loader_crashed(e: Evidence, when: str) -> Failure:
    """U-Boot's exception handler is still in place while the first instructions of a kernel run."""
    evidence = (e.verdict.detail, *e.file_faults, *_last_lines(e))
    if not e.reached("kernel-start"):
        sentence = f"The boot loader crashed at {when}, on its way to {e.verdict.awaited}."
        return Failure(Cause.LOADER_CRASHED, sentence, evidence)
    fault = f", and a file of the plan is at fault: {e.file_faults[0]}" if e.file_faults else ""
    return Failure(
        Cause.BAD_IMAGE, f"The kernel crashed at its first instructions ({when}){fault}.", evidence
    )


def _command_failed(e: Evidence) -> Failure | None:
    if e.verdict.ending is not Ending.COMMAND:
        return None
    later = _no_plan(e) or (None if e.reached("dhcp-ack") else _no_dhcp(e)) or _refused(e) or _stalled(e)
    if later is not None:
        return later  # the command failed of something that has a name of its own
    sentence = f"A command typed at the boot loader failed: {e.verdict.detail}"
    cause = Cause.BAD_IMAGE if "differs" in e.verdict.detail else Cause.COMMAND_FAILED
    return Failure(cause, sentence, (*e.file_faults, *_last_lines(e)))


def _no_console(e: Evidence) -> Failure | None:
    if e.console.strip() or e.events:
        return None
    sentence = (
        f"Powered on, and not one byte came on the console in {_waited(e)}: "
        "check power, the serial cable and its speed."
    )
    return Failure(Cause.NO_CONSOLE, sentence, (e.verdict.detail,))


_BANNERS = re.compile(r"U-Boot (SPL )?20\d\d|SeaBIOS \(|iPXE |UEFI firmware|BdsDxe: |GNU GRUB")


def _no_bootloader(e: Evidence) -> Failure | None:
    if any(e.reached(name) for name in e.firmware) or e.events or _BANNERS.search(e.console):
        return None
    sentence = f"The console speaks, but no boot loader or firmware announced itself in {_waited(e)}."
    return Failure(Cause.NO_BOOTLOADER, sentence, _last_lines(e))


def _no_plan(e: Evidence) -> Failure | None:
    ignored = [x for x in e.events if isinstance(x, DhcpIgnored) and not x.elsewhere]
    if ignored:
        first = ignored[0]
        evidence = (f"{e.stamp(first.t_ns)} DHCP {first.message} of {first.mac} ignored: {first.reason}",)
        sentence = f"The board asked, and the boot service has nothing for it: {first.reason}"
        return Failure(Cause.NO_PLAN, sentence, evidence)
    acks = [x for x in e.events if isinstance(x, DhcpSent) and x.message == "ACK"]
    if acks and not any(x.plan for x in acks):
        sentence = f"Machine {e.mac} got an address and nothing to boot: give it a plan."
        return Failure(
            Cause.NO_PLAN, sentence, (f"{e.stamp(acks[0].t_ns)} DHCP ACK {acks[0].ip} without plan",)
        )
    return None


# How firmware says that it asks for an address: U-Boot, iPXE, EDK2.
_ASKING = re.compile(r"BOOTP broadcast \d+|Configuring \(net\d|>>Start (?:PXE|HTTP Boot) over IPv4")


def _no_dhcp(e: Evidence) -> Failure | None:
    if e.reached("dhcp-ack") or any(isinstance(x, DhcpSent) and x.message == "ACK" for x in e.events):
        return None
    asked = len(_ASKING.findall(e.console))
    heard = [x for x in e.events if isinstance(x, DhcpReceived)]
    offers = [x for x in e.events if isinstance(x, DhcpSent) and x.message == "OFFER"]
    evidence = (
        f"console: {asked} DHCP tries of the firmware; wire: {len(heard)} heard, {len(offers)} offers sent",
        *_last_lines(e),
    )
    if asked and not heard:
        sentence = (
            f"The board asked for an address {asked} times and nothing reached the boot service: check the "
            "cable, the switch port (spanning tree delays it), the VLAN and the interface it listens on."
        )
    elif offers:
        sentence = "The board was offered an address and did not take it: see its console for the reason."
    elif heard:
        sentence = "The boot service heard the board and sent no offer: see its log."
    else:
        sentence = (
            f"The firmware did not ask for an address in {_waited(e)}: is network boot in its boot order?"
        )
    return Failure(Cause.NO_DHCP, sentence, evidence)


def _stalled(e: Evidence) -> Failure | None:
    if e.kernel_started:
        return None
    open_transfers: dict[str, TransferStarted] = {}
    stalled: list[str] = []
    newest = ""  # a board that asked for something else afterwards went on
    for event in e.events:
        if isinstance(event, TransferStarted):
            open_transfers[event.transfer] = event
            newest = event.transfer
        elif isinstance(event, TransferEnded):
            open_transfers.pop(event.transfer, None)
            if event.outcome in ("stalled", "error") and event.transfer == newest:
                where = f"after {event.sent} of {event.size} bytes ({event.detail or event.outcome})"
                stalled.append(
                    f"{e.stamp(event.t_ns)} {event.protocol} {event.name}: {event.outcome} {where}"
                )
    running = [f"{e.stamp(t.t_ns)} {t.protocol} {t.name}: never finished" for t in open_transfers.values()]
    if not stalled and not running:
        return None
    name = (stalled or running)[-1].split()[3].rstrip(":")
    sentence = f"The transfer of {name} stalled: packets stopped getting through between server and board."
    return Failure(Cause.TRANSFER_STALLED, sentence, (*stalled, *running, *_last_lines(e)))


def _refused(e: Evidence) -> Failure | None:
    refused = [x for x in e.events if isinstance(x, TransferRefused) and x.name.lstrip("/") in e.plan_files]
    if not refused or e.kernel_started:
        return None
    last = refused[-1]
    sentence = f"The board asked for {last.name} and was refused: {last.reason}"
    return Failure(Cause.TRANSFER_REFUSED, sentence, (f"{e.stamp(last.t_ns)} {last.protocol} {last.name}",))


_LOADER_COMPLAINTS = re.compile(
    r"^.*(bootlab: cannot boot: .*|Bad Linux ARM64 Image magic|Wrong (Ramdisk )?Image Format|"
    r"ERROR: (Did not find|reserving fdt|image is not a fdt|fdt move).*|Bad (Header|Data) (Checksum|CRC)|"
    r"FDT_ERR_\w+|libfdt .*|Invalid FDT|Error: .*inflat.*|"
    r"EFI stub: ERROR: .*|"
    r"error: (invalid magic number|invalid arch-\w+ ELF magic|plain image kernel not supported).*|"  # GRUB
    r"(Could not (boot|select|boot image): )?Exec format error.*).*$",  # iPXE
    re.MULTILINE,
)


def _bad_image(e: Evidence) -> Failure | None:
    complaint = None if e.reached("kernel") else _LOADER_COMPLAINTS.search(e.console)
    if complaint:
        line = complaint[0].strip()
        sentence = f"The boot loader rejects what was served: {line}"
        return Failure(Cause.BAD_IMAGE, sentence, (*e.file_faults, *_last_lines(e)))
    if e.reached("kernel-start") and not e.reached("kernel") and e.file_faults:
        sentence = f"The kernel never spoke, and a file of the plan is at fault: {e.file_faults[0]}."
        return Failure(Cause.BAD_IMAGE, sentence, (*e.file_faults, *_last_lines(e)))
    return None


def _never_started(e: Evidence) -> Failure | None:
    if e.kernel_started:
        return None
    sentence = (
        f"The firmware got an address and did not start a kernel in {_waited(e)}; its last words tell why."
    )
    return Failure(Cause.NOT_READY, sentence, _last_lines(e))


def _kernel_silent(e: Evidence) -> Failure | None:
    if e.reached("kernel") or e.reached("init"):
        return None
    sentence = (
        f"Control passed to the kernel and nothing more came in {_waited(e)}: "
        "check its console= argument, the device tree and that the kernel is for this board."
    )
    return Failure(Cause.KERNEL_SILENT, sentence, _last_lines(e))


def _no_init(e: Evidence) -> Failure | None:
    if e.reached("init"):
        return None
    sentence = (
        f"The kernel came up and did not start init in {_waited(e)}: its last lines show where it hangs."
    )
    return Failure(Cause.NO_INIT, sentence, (*e.file_faults, *_last_lines(e)))


def _not_ready(e: Evidence) -> Failure:
    sentence = f"Init runs, but {e.verdict.awaited} did not come in {_waited(e)}."
    return Failure(Cause.NOT_READY, sentence, (e.verdict.detail, *_last_lines(e)))


def _waited(e: Evidence) -> str:
    return f"{(e.verdict.t_ns - e.timeline.t0_ns) / 1e9:.0f} s"


def _last_lines(e: Evidence, count: int = 5) -> tuple[str, ...]:
    lines = [line.strip() for line in e.console.splitlines() if line.strip()]
    return tuple(f"console: {line[:200]}" for line in lines[-count:])


_RULES: tuple[Rule, ...] = (
    _service_lost,
    _board_gone,
    _alarm,
    _no_console,
    _no_bootloader,
    _command_failed,
    _no_plan,
    _no_dhcp,
    _refused,
    _stalled,
    _bad_image,
    _never_started,
    _kernel_silent,
    _no_init,
)
