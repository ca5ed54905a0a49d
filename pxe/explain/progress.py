"""How far a machine came: what a rule needs to tell a fault from a step on the way."""

from collections.abc import Iterator

from pxe.explain.evidence import Dhcp, Evidence, HttpExchange
from pxe.explain.rule import Stage
from pxe.wire.dhcp4 import MessageType

_OK = (200, 206)
_NEVER = -1


def fetched(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """When each file arrived, and its name: TFTP transfers that ended well, HTTP answers with content."""
    for transfer in evidence.transfers:
        if transfer.done and not transfer.upload:
            yield transfer.last_ns, transfer.name
    for exchange in evidence.http:
        if _arrived(exchange):
            yield max(exchange.t_ns, exchange.last_ns), exchange.target


def asked_for_files(evidence: Evidence) -> Iterator[int]:
    """When the machine asked for a file, whatever came of it."""
    yield from (t.t_ns for t in evidence.transfers)
    yield from (x.t_ns for x in evidence.http)


def acks(evidence: Evidence) -> list[Dhcp]:
    """The answers that gave the machine an address."""
    return [
        m
        for m in evidence.dhcp
        if m.from_server and m.kind is MessageType.ACK and (int(m.packet.yiaddr) or not m.whole)
    ]


class Way:
    """What a machine last did of each kind, found once: a rule may have a thousand findings of ten thousand
    files."""

    def __init__(self, evidence: Evidence) -> None:
        asked = max(asked_for_files(evidence), default=_NEVER)
        acked = max((ack.t_ns for ack in acks(evidence)), default=_NEVER)
        first: dict[str, int] = {}
        last = _NEVER
        for t_ns, name in fetched(evidence):
            first[name] = min(t_ns, first.get(name, t_ns))
            last = max(last, t_ns)
        self._last = {
            Stage.LINK: max(acked, asked),
            Stage.DHCP: max(acked, asked),
            Stage.BOOTFILE: asked,
            Stage.FILES: last,
            Stage.LOADER: max(first.values(), default=_NEVER),  # what it had already started nothing
        }

    def went_on(self, stage: Stage, t_ns: int) -> bool:
        """Whether the machine got over what happened at `t_ns` at this stage."""
        return self._last.get(stage, _NEVER) > t_ns


def has_all(evidence: Evidence) -> bool:
    """Whether the machine has all that its plan boots with; False where nobody told what that is."""
    names = [name for _, name in fetched(evidence)]
    needed = evidence.network.needed
    return bool(needed) and all(any(_is(name, want) for name in names) for want in needed)


def _is(name: str, wanted: str) -> bool:
    """A machine may ask below a folder of its own."""
    return name.lstrip("/") == wanted or name.endswith(f"/{wanted}")


def bytes_fetched(evidence: Evidence) -> int:
    """Payload bytes of all that arrived."""
    over_http = [_length(x) for x in evidence.http if _arrived(x)]
    return sum(t.sent for t in evidence.transfers if t.done) + sum(over_http)


def _arrived(exchange: HttpExchange) -> bool:
    """Whether a file came, and was neither cut off by the server nor left by the client. EDK2 ends each
    connection by a reset, a good one too."""
    length = _length(exchange)
    cut = (exchange.closed or exchange.stuck_ns) and exchange.received < length
    left = exchange.left_at is not None and (exchange.left_at < length or not _bounded(exchange))
    return exchange.status in _OK and exchange.method == "GET" and not cut and not left


def _bounded(exchange: HttpExchange) -> bool:
    """Whether the client can tell where the body ends before the connection does."""
    return "content-length" in exchange.answer or "transfer-encoding" in exchange.answer


def _length(exchange: HttpExchange) -> int:
    text = exchange.answer.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def summary(evidence: Evidence) -> str:
    """How far the machine came, in one line."""
    parts = []
    given = acks(evidence)
    discovers = sum(not m.from_server and m.kind is MessageType.DISCOVER for m in evidence.dhcp)
    if given:
        ack = given[-1]
        parts.append(f"got {ack.packet.yiaddr} from {ack.server}")
    elif discovers:
        parts.append(f"asked for an address {discovers} times and got none")
    files = list(fetched(evidence))
    if files:
        names = list(dict.fromkeys(name for _, name in files))
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        parts.append(f"fetched {shown} ({bytes_fetched(evidence)} bytes)")
    return "; ".join(parts) or "sent nothing that belongs to a boot"
