"""What a machine's evidence looks like in time: DHCP rounds and files, each from its first to its last "
"packet."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pxe.explain.evidence import Dhcp, Evidence, HttpExchange, Transfer
from pxe.explain.text import shown
from pxe.wire.dhcp4 import MessageType

_DONE: Final = (MessageType.ACK, MessageType.NAK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One step of a boot. `kind` is dhcp, tftp or http; `frame` its first packet; `size` bytes of a file."""

    kind: str
    label: str
    start_ns: int
    end_ns: int
    ok: bool
    frame: int = 0
    size: int = 0


def spans(evidence: Evidence) -> list[Span]:
    """Return the steps of a boot in the order in which they began."""
    found = [*_rounds(evidence), *map(_transfer, evidence.transfers), *map(_exchange, evidence.http)]
    return sorted(found, key=lambda span: span.start_ns)


def _rounds(evidence: Evidence) -> Iterator[Span]:
    """A round ends with ACK or NAK; a new client or a DISCOVER after its REQUEST begins another."""
    messages: list[Dhcp] = []
    for m in evidence.dhcp:
        if messages and _begins(messages, m):
            yield _round(messages)
            messages = []
        messages.append(m)
        if m.from_server and m.kind in _DONE:
            yield _round(messages)
            messages = []
    if messages:
        yield _round(messages)


def _begins(messages: list[Dhcp], m: Dhcp) -> bool:
    if m.from_server:
        return False
    asked = any(o.kind is MessageType.REQUEST for o in messages)
    return (asked and m.kind is MessageType.DISCOVER) or m.firmware is not messages[0].firmware


def _round(messages: list[Dhcp]) -> Span:
    first, last = messages[0], messages[-1]
    kinds = [m.kind.name if m.kind is not None else "BOOTP" for m in messages]
    tries = f" x{kinds.count('DISCOVER')}" if kinds.count("DISCOVER") > 1 else ""
    ok = last.from_server and last.kind is MessageType.ACK
    steps = " ".join(dict.fromkeys(kinds)).replace("DISCOVER", f"DISCOVER{tries}")
    label = f"{steps} {last.packet.yiaddr}" if ok else steps
    return Span(
        kind="dhcp", label=label, start_ns=first.t_ns, end_ns=last.t_ns, ok=ok, frame=first.frame
    )  # fmt: skip


def _transfer(t: Transfer) -> Span:
    ok = t.done or t.outcome == "aborted"
    error = f" error {t.error}" if t.error is not None and not ok else ""
    note = " (size probe)" if t.outcome == "aborted" else "" if ok else f": {t.outcome}{error}"
    label = shown(t.name) + note
    return Span(
        kind=t.protocol, label=label, start_ns=t.t_ns, end_ns=t.last_ns, ok=ok, frame=t.frame, size=t.sent
    )


def _exchange(x: HttpExchange) -> Span:
    end = max(x.t_ns, x.answer_ns, x.last_ns)
    label = f"{x.method} {shown(x.target)}: {x.status or 'no answer'}"
    ok = 200 <= x.status < 300
    return Span(kind="http", label=label, start_ns=x.t_ns, end_ns=end, ok=ok, frame=x.frame, size=x.received)
