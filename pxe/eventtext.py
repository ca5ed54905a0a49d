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
    OtherServer,
    PacketMalformed,
    PlanChanged,
    TransferEnded,
    TransferRefused,
)

_log = logging.getLogger("pxe.events")

_WARNINGS = (AddressConflict, DhcpSkipped, OtherServer)  # of the network: somebody has to do something


def sentence(event: Event) -> str | None:
    """Return `event` as one line, or None where it needs none."""
    match event:
        case TransferEnded():
            return _transfer(event)
        case TransferRefused():
            return f"{event.protocol} {event.mac or event.peer} asked for {event.name!r}: {event.reason}"
        case ConfigDelivered():
            return f"config {event.name!r} of plan {event.plan} to {event.mac}: {event.size} bytes"
        case ConfigRefused():
            more = f"; {event.unsaid} more like it" if event.unsaid else ""
            return f"config {event.name!r} refused to {event.mac or event.peer}: {event.reason}{more}"
        case PlanChanged():
            return f"machine {event.mac} boots {event.plan or 'nothing from us'} from now on"
        case PacketMalformed() if event.protocol != "dhcp":
            return f"{event.protocol} {event.peer} sent what is no message: {event.reason}"
        case EventsLost():
            return f"the log fell behind: events {event.first} to {event.last} are not in it"
        case AddressConflict() | DhcpSkipped() | OtherServer():
            return _warning(event)
    return None


def _warning(event: AddressConflict | DhcpSkipped | OtherServer) -> str:
    match event:
        case AddressConflict():
            return (
                f"{event.mac} answers ARP on {event.ip}, which it was not given: nobody gets that for ten "
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
