"""Events as log lines for people. What DHCP received and answered it logs itself; these are the rest."""

import logging
from collections.abc import Sequence

from pxe.events import (
    AddressConflict,
    ConfigDelivered,
    ConfigRefused,
    DhcpSkipped,
    Event,
    EventsLost,
    FindingMade,
    LogTrouble,
    OtherServer,
    PacketMalformed,
    PlanChanged,
    ShadowCompared,
    ShadowTaken,
    TransferEnded,
    TransferRefused,
)

_log = logging.getLogger("pxe.events")

_WARNINGS = (
    AddressConflict,
    DhcpSkipped,
    FindingMade,
    LogTrouble,
    OtherServer,
)  # of the network: somebody has to do something


def sentence(event: Event) -> str | None:
    """Return `event` as one line, or None where it needs none."""
    match event:
        case TransferEnded():
            return _transfer(event)
        case TransferRefused():
            return f"{event.protocol} {event.mac or event.peer} asked for {event.name!r}: {event.reason}"
        case ConfigDelivered() | ConfigRefused():
            return _config(event)
        case LogTrouble():
            return f"machine {event.mac} says over {event.source}: {event.line} ({event.rule})"
        case PlanChanged():
            return f"machine {event.mac} boots {event.plan or 'nothing from us'} from now on"
        case ShadowCompared() | ShadowTaken():
            return _shadow(event)
        case PacketMalformed() if event.protocol != "dhcp":
            return f"{event.protocol} {event.peer} sent what is no message: {event.reason}"
        case EventsLost():
            return f"the log fell behind: events {event.first} to {event.last} are not in it"
        case AddressConflict() | DhcpSkipped() | FindingMade() | OtherServer():
            return _warning(event)
    return None


def _warning(event: AddressConflict | DhcpSkipped | FindingMade | OtherServer) -> str | None:
    match event:
        case FindingMade():
            if event.again:  # a machine that fails starts again and again
                return None
            return f"{event.mac}: {event.sentence} {event.cure} ({event.rule})"
        case AddressConflict():
            who = f"{event.mac} answers ARP" if event.mac else "a host behind a relay answers ping"
            return (
                f"{who} on {event.ip}, which it was not given: nobody gets that for ten "
                "minutes; find the machine, or take the address out of the pool"
            )
        case OtherServer():
            return (
                f"another DHCP server, {event.server}, answers on this network ({event.mac} took its offer): "
                "stop it, or use `mode: proxy` beside it"
            )
    return (
        f"{event.count} DHCP events left out, {event.strangers} of machines that we do not know: "
        "a flood, or a very large rack"
    )


def _config(event: ConfigDelivered | ConfigRefused) -> str:
    if isinstance(event, ConfigDelivered):
        return f"config {event.name!r} of plan {event.plan} to {event.mac}: {event.size} bytes"
    more = f"; {event.unsaid} more like it" if event.unsaid else ""
    return f"config {event.name!r} refused to {event.mac or event.peer}: {event.reason}{more}"


def _shadow(event: ShadowCompared | ShadowTaken) -> str:
    if isinstance(event, ShadowTaken):
        return f"machine {event.mac} is " + (
            "taken over: we say what it boots" if event.taken else "released"
        )
    who = f"shadow: {event.mac} ({event.firmware}), {event.message}"
    match event.verdict:
        case "same":
            return f"{who}: we would answer as {event.server} does"
        case "silent":
            return f"{who}: {event.server} answers, and we would not"
    fields = ", ".join(
        f"{name} {ours!r} not {theirs!r}" for name, (ours, theirs) in event.differences.items()
    )
    return f"{who}: unlike {event.server} we would say {fields}"


def _transfer(event: TransferEnded) -> str:
    seconds = max(event.duration_ns, 1) / 1e9
    rate = f"{event.sent} bytes in {seconds:.3f} s, {event.sent / seconds / 1e6:.1f} MB/s"
    again = f", {event.repeated} blocks repeated" if event.repeated else ""
    end = "" if event.outcome == "complete" else f": {event.outcome}"
    detail = f" ({event.detail})" if event.detail else ""
    way = "from" if event.upload else "to"
    return f"{event.protocol} {event.name!r} {way} {event.mac or event.peer}: {rate}{again}{end}{detail}"


def log_sink(page: Sequence[tuple[int, Event]]) -> None:
    """Log the events of `page`."""
    for _, event in page:
        line = sentence(event)
        if line is not None:
            _log.log(logging.WARNING if isinstance(event, _WARNINGS) else logging.INFO, "%s", line)
