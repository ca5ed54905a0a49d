"""Evidence as lines for people; what came off the wire is shown so that it cannot move a cursor."""

from pxe.explain.evidence import Arp, Connection, Dhcp, HttpExchange, Line, Transfer, Unreachable
from pxe.wire.dhcp4 import Option
from pxe.wire.tftp import printable

_MAX = 120
_ICMP_CODES = {0: "net unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable"}


def shown(text: object) -> str:
    """Text of a peer, in bounds."""
    clean = printable(str(text))
    return clean if len(clean) <= _MAX else clean[: _MAX - 3] + "..."


def _frame(number: int) -> str:
    return f"frame {number}: " if number else ""


def line(it: Dhcp | Transfer | HttpExchange | Connection | Arp | Unreachable | Line) -> str:
    """One record of the evidence as one line."""
    match it:
        case Dhcp():
            return _dhcp(it)
        case Transfer():
            return _transfer(it)
        case HttpExchange():
            came = f"{it.status} {shown(it.reason)}".rstrip() if it.status else "no answer"
            asked = f"{it.method} {shown(it.target)} from {it.server}:{it.port}"
            also = f" (frame {it.answer_frame})" if it.answer_frame else ""
            return f"{_frame(it.frame)}{asked}: {came}{also}"
        case Connection():
            return f"{_frame(it.frame)}TCP {it.client} -> {it.server}:{it.port}: {it.fault}"
        case Arp():
            return f"{_frame(it.frame)}ARP: {it.ip} is at {it.mac}"
        case Unreachable():
            why = _ICMP_CODES.get(it.code, f"unreachable, code {it.code}: prohibited by a filter")
            return f"{_frame(it.frame)}ICMP of {it.reporter}: {it.destination}:{it.dport} {why}"
        case Line():
            return f"console: {shown(it.text)}"


def _dhcp(it: Dhcp) -> str:
    kind = it.kind.name if it.kind is not None else "message without option 53"
    if not it.from_server:
        who = f"{it.packet.mac} xid {it.packet.xid:#010x} {shown(it.vendor_class)}".rstrip()
        return f"{_frame(it.frame)}{kind} {who}"
    file = f", file {shown(it.bootfile)}" if it.bootfile else ""
    named = f" server {it.server}" if Option.SERVER_ID in it.packet.options else ""
    return f"{_frame(it.frame)}{kind} {it.packet.yiaddr} from {it.source or it.server}{named}{file}"


def _transfer(it: Transfer) -> str:
    code = f"error {it.error}" if it.error is not None and it.protocol == "tftp" else ""
    why = ": ".join(filter(None, (code, shown(it.error_text) if it.error is not None else "")))
    how = f"{it.outcome} ({why})" if why else it.outcome
    also = f" (to frame {it.last_frame})" if it.last_frame > it.frame else ""
    sent = f", {it.sent} bytes" if it.sent or it.done else ""
    return f"{_frame(it.frame)}{it.protocol} {shown(it.name)} from {it.server}: {how}{sent}{also}"
