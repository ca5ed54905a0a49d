"""What a change of setting would gain: a boot's record in, advice with estimated seconds out. Pure.

Each lever is something that a person can change in the firmware, on the network or in a plan, and that this
very boot shows to have cost time. `least` and `most` bound the gain; `how` says how they were estimated, so
that nobody takes an estimate for a measurement. What no setting shortens (EDK2 collects offers for 3 to 4
seconds, whatever the server does) is no lever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from lab.model import Timeline, TransferSpan
from pxe.events import DhcpReceived, DhcpSent, Event, TransferEnded, TransferRefused, TransferStarted

WORTH: Final = 0.3  # seconds below which nobody need change anything
_LARGE: Final = 1 << 20
_WINDOW: Final = 8
_WINDOW_GAIN: Final = 1.3  # windowsize 8 against 1, U-Boot in QEMU; network cards gain more
_ETHERNET_BLKSIZE: Final = 1468
_ANSWER: Final = 0.1  # an exchange with an idle server, generously
_PXE, _HTTP = "uefi-pxe", "uefi-http"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """One change: `setting` says what to do, `least` and `most` how many seconds that gains, `how` why so."""

    name: str
    setting: str
    least: float
    most: float
    how: str

    @property
    def sentence(self) -> str:
        """For people, in one line."""
        gain = f"{self.most:.1f} s"
        if self.most - self.least >= WORTH:
            gain = f"{self.least:.1f} to {self.most:.1f} s"
        return f"{gain}: {self.setting} ({self.how})"


def levers(timeline: Timeline, events: Sequence[Event]) -> tuple[Lever, ...]:
    """Return what would have made this boot shorter, the largest gain first; nothing below WORTH.

    `events` are the boot service's, of this machine alone; those before power-on do not count.
    """
    seen = sorted((event for event in events if event.t_ns >= timeline.t0_ns), key=lambda event: event.t_ns)
    found = [lever for rule in _RULES if (lever := rule(timeline, seen)) is not None]
    return tuple(sorted((it for it in found if it.most >= WORTH), key=lambda it: -it.most))


def _http_before_pxe(_: Timeline, events: Sequence[Event]) -> Lever | None:
    """OVMF's own order: PXE over IPv4 for a minute, over IPv6 for another, then HTTP."""
    pxe, http = _first_discover(events, _PXE), _first_discover(events, _HTTP)
    if pxe is None or http is None or http < pxe:
        return None
    if any(isinstance(e, TransferEnded) and pxe < e.t_ns < http and e.outcome == "complete" for e in events):
        return None  # PXE did boot something; HTTP came later, for another reason
    gain = (http - pxe) / 1e9
    setting = (
        "put HTTP boot before PXE in the firmware's boot order, or give this machine a plan that PXE can boot"
    )
    how = "from the first PXE request, which led to nothing, to the first of HTTP boot"
    return Lever(name="boot-order", setting=setting, least=gain, most=gain, how=how)


def _late_offer(_: Timeline, events: Sequence[Event]) -> Lever | None:
    """DISCOVER was repeated before anybody answered it."""
    asked: DhcpReceived | None = None
    repeated, gain = 0, 0.0
    for event in events:
        if isinstance(event, DhcpReceived) and event.message == "DISCOVER":
            repeated = repeated + 1 if asked is not None and asked.firmware == event.firmware else 0
            asked = event if repeated == 0 else asked
        elif isinstance(event, DhcpSent) and event.message == "OFFER" and asked is not None:
            gain += (event.t_ns - asked.t_ns) / 1e9 if repeated else 0.0
            asked, repeated = None, 0
    setting = (
        "answer the first DISCOVER: look for a policy with a delay, and for a pool that is short of addresses"
    )
    how = "from the first DISCOVER of a round to the offer, where the machine had to repeat itself"
    return Lever(name="late-offer", setting=setting, least=gain, most=gain, how=how) if gain else None


def _proxy_wait(_: Timeline, events: Sequence[Event]) -> Lever | None:
    """iPXE waits two seconds for a proxyDHCP offer unless an offer says not to."""
    gain, rounds, offered, firmware = 0.0, 0, 0, ""
    for event in events:
        if isinstance(event, DhcpSent) and event.message == "OFFER":
            offered = offered or event.t_ns
        elif isinstance(event, DhcpReceived) and event.message == "REQUEST" and offered:
            waited = (event.t_ns - offered) / 1e9
            if firmware == "ipxe" and waited > 1.5:
                gain, rounds = gain + waited - _ANSWER, rounds + 1
            offered = 0
        elif isinstance(event, DhcpReceived):
            firmware = event.firmware
    setting = "send iPXE option 175 with 176 = 1 (no-pxedhcp), as our own DHCP server does"
    how = f"from the offer to the REQUEST in {rounds} of iPXE's DHCP rounds, less one exchange"
    return Lever(name="proxy-wait", setting=setting, least=gain, most=gain, how=how) if gain else None


def _router(_: Timeline, events: Sequence[Event]) -> Lever | None:
    """iPXE built with IPv6 looks for a router for 16 seconds before it goes on."""
    gain, firmware = 0.0, ""
    for event, after in pairwise(events):
        if isinstance(event, DhcpReceived):
            firmware = event.firmware
        acked = isinstance(event, DhcpSent) and event.message == "ACK"
        if acked and firmware == "ipxe" and isinstance(after, TransferStarted | TransferRefused):
            waited = (after.t_ns - event.t_ns) / 1e9
            gain += waited - 2 * _ANSWER if waited > 5.0 else 0.0
    setting = "let the service answer IPv6 router solicitations (CAP_NET_RAW), or give the network a router"
    how = "from iPXE's ACK to its first file, less one exchange"
    return Lever(name="ipv6-router", setting=setting, least=gain, most=gain, how=how) if gain else None


def _windows(timeline: Timeline, events: Sequence[Event]) -> Lever | None:
    """Firmware that can have several blocks under way, and did not ask for that."""
    spans = [s for s in _lockstep(timeline) if _asker(events, s) == "u-boot"]
    if not spans:
        return None
    seconds = sum(map(_seconds, spans))
    return Lever(
        name="windowsize",
        setting=f"setenv tftpwindowsize {_WINDOW} in U-Boot (our boot script does it)",
        least=seconds * (1 - 1 / _WINDOW_GAIN),
        most=seconds * (1 - 1 / _WINDOW),
        how=f"{_names(spans)} waited for an ACK after each block; least: as measured with U-Boot in QEMU, "
        f"most: seven waits of eight gone",
    )


def _http_files(timeline: Timeline, events: Sequence[Event]) -> Lever | None:
    """Loaders whose TFTP knows no windows, and that fetch over HTTP as well."""
    spans = [s for s in _lockstep(timeline) if _asker(events, s) in ("ipxe", _PXE)]
    if not spans:
        return None
    seconds, size = sum(map(_seconds, spans)), sum(s.sent for s in spans)
    rates = [s.sent / _seconds(s) for s in timeline.transfers if s.protocol == "http" and s.sent >= _LARGE]
    ipxe = all(_asker(events, s) == "ipxe" for s in spans)
    setting = "let iPXE load over HTTP: `http` in the site file, no `transport: tftp` in the plan"
    if not ipxe:
        setting = (
            "boot by a loader that has HTTP (iPXE as the plan's `loader`): GRUB's TFTP waits for each block"
        )
    if rates:
        gain = max(seconds - size / max(rates), 0.0)
        how = f"{_names(spans)} at the rate of this boot's own HTTP transfers"
        return Lever(name="http", setting=setting, least=gain, most=gain, how=how)
    how = f"{_names(spans)} waited for an ACK after each block; least: half of that, most: all of it"
    return Lever(name="http", setting=setting, least=seconds / 2, most=seconds, how=how)


def _blocks(timeline: Timeline, events: Sequence[Event]) -> Lever | None:
    """Blocks smaller than a frame, asked for by firmware that can be told otherwise."""
    spans = [
        s
        for s in _lockstep(timeline)
        if _asker(events, s) in ("u-boot", "raspberry-pi") and _blksize(s) < _ETHERNET_BLKSIZE
    ]
    if not spans:
        return None
    most = sum(_seconds(s) * (1 - _blksize(s) / _ETHERNET_BLKSIZE) for s in spans)
    pi = _asker(events, spans[0]) == "raspberry-pi"
    setting = "update the EEPROM (1468 since 2022-10)" if pi else "setenv tftpblocksize 1468 in U-Boot"
    how = f"{_names(spans)} in blocks of {_blksize(spans[0])} bytes; most: each block cost the same time"
    return Lever(name="blksize", setting=setting, least=most / 2, most=most, how=how)


def _missing(timeline: Timeline, events: Sequence[Event]) -> Lever | None:
    """Files that were asked for in vain, where the machine then waited."""
    ends = [m.t_ns for m in timeline.milestones]
    gain, names = 0.0, list[str]()
    for event, after in pairwise(events):
        if not isinstance(event, TransferRefused) or not isinstance(after, TransferStarted | TransferRefused):
            continue
        if any(event.t_ns < end < after.t_ns for end in ends):
            continue  # something else happened meanwhile, on the console
        waited = (after.t_ns - event.t_ns) / 1e9
        if waited > WORTH:
            gain, names = gain + waited, [*names, event.name]
    setting = f"serve {', '.join(dict.fromkeys(names))}, or take it out of what the firmware looks for"
    how = "from each refusal to the next request"
    return Lever(name="missing-files", setting=setting, least=0.0, most=gain, how=how) if gain else None


def _boot_delay(timeline: Timeline, events: Sequence[Event]) -> Lever | None:
    """U-Boot counts down for a key before it does anything."""
    banner = timeline.since_power_on("u-boot")
    first = _first_discover(events, "u-boot")
    if banner is None or first is None:
        return None
    waited = (first - timeline.t0_ns) / 1e9 - banner
    least = min(waited, 2.0) if waited > 2.0 else 0.0
    setting = "setenv bootdelay 0 in U-Boot (-2: no way to stop it any more)"
    how = "from U-Boot's banner to its first DISCOVER; least: the two seconds that builds have by default"
    return Lever(name="bootdelay", setting=setting, least=least, most=max(waited - _ANSWER, 0.0), how=how)


_RULES: Final[tuple[Callable[[Timeline, Sequence[Event]], Lever | None], ...]] = (
    _http_before_pxe,
    _late_offer,
    _proxy_wait,
    _router,
    _windows,
    _http_files,
    _blocks,
    _missing,
    _boot_delay,
)


def _first_discover(events: Sequence[Event], firmware: str) -> int | None:
    """When that firmware first asked; None: never."""
    found = (e for e in events if isinstance(e, DhcpReceived) and e.message == "DISCOVER")
    return next((e.t_ns for e in found if e.firmware == firmware), None)


def _lockstep(timeline: Timeline) -> list[TransferSpan]:
    """Large TFTP transfers that waited for an ACK after each block."""
    return [
        span
        for span in timeline.transfers
        if span.protocol == "tftp"
        and span.sent >= _LARGE
        and span.outcome in ("complete", "unacknowledged")
        and int(span.options.get("windowsize", 1)) <= 1
    ]


def _asker(events: Sequence[Event], span: TransferSpan) -> str:
    """The firmware whose DHCP round the transfer followed."""
    found = ""
    for event in events:
        if isinstance(event, DhcpReceived) and event.t_ns <= span.start_ns:
            found = event.firmware
    return found


def _blksize(span: TransferSpan) -> int:
    return int(span.options.get("blksize", 512))


def _seconds(span: TransferSpan) -> float:
    return max((span.end_ns - span.start_ns) / 1e9, 1e-9)


def _names(spans: Sequence[TransferSpan]) -> str:
    return ", ".join(dict.fromkeys(span.name for span in spans))
