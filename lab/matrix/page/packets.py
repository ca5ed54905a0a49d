"""The last things that went over a boot's wire, from the events recorded beside it."""

from pathlib import Path

from lab.errors import LabError
from lab.model import BootRecord
from lab.report import words
from lab.store.run import load_events
from pxe.events import DhcpIgnored, DhcpReceived, DhcpSent, Event, TransferEnded, TransferRefused, from_json
from pxe.events import TransferStarted as Started

_SHOWN = 8


def last_packets(folder: Path, record: BootRecord) -> list[str]:
    """Return the last lines of a boot's wire, such as `+2.21 s DHCP ACK of 10.99.0.50 to the board`."""
    path = folder / f"events-{record.index:03}.jsonl"
    if not path.is_file():
        return []
    try:
        objects = load_events(path)
    except LabError:
        return []
    lines = []
    for obj in objects:
        try:
            event = from_json(obj)
            seconds = (event.t_ns - record.timeline.t0_ns) / 1e9
            said = _said(event)
        except (ValueError, TypeError, AttributeError):  # of a newer service, or damaged
            continue
        if said:
            lines.append(f"+{seconds:.2f} s {said}")
    return lines[-_SHOWN:]


def _said(event: Event) -> str:
    match event:
        case DhcpReceived():
            return f"DHCP {event.message} from the board"
        case DhcpSent():
            file = f", file {event.bootfile}" if event.bootfile else ""
            return f"DHCP {event.message} of {event.ip} to the board{file}"
        case DhcpIgnored():
            return f"DHCP {event.message} left without answer: {event.reason}"
        case Started():
            return f"{event.protocol.upper()} {event.name} begins, {words.size(event.size)}"
        case TransferRefused():
            return f"{event.protocol.upper()} {event.name} refused: {event.reason}"
        case TransferEnded():
            return f"{event.protocol.upper()} {event.name}: {event.outcome}, {words.size(event.sent)} sent"
    return ""
