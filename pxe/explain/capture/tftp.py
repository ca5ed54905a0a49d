"""TFTP transfers out of their packets, told apart by the client's address and port (RFC 1350 section 4).

The server's first answer comes from a new port, so that no filter on port 69 finds it. Counters are kept for
each transfer, not packets: a capture has a million of those.
"""

from dataclasses import dataclass
from typing import Final

from pxe.errors import WireError
from pxe.explain.evidence import Transfer
from pxe.wire.tftp import DEFAULT_BLKSIZE, Error, OptionAck, ReadRequest, WriteRequest, decode, printable

_HEAD: Final = 4096
_STALL_NS: Final = 3_000_000_000
_ABORTS: Final = (0, 8)  # what EDK2, iPXE and the Raspberry Pi send once they know the size
MAX_TRANSFERS: Final = 200_000


@dataclass(slots=True)
class _Flow:
    transfer: Transfer
    blksize: int = DEFAULT_BLKSIZE
    final: int = 0  # number of the last block, once it was seen
    stuck: int = 0  # packets since something new came
    again: int = 0  # blocks sent again that no second ACK has come for
    again_to: int = 0  # the highest of them
    mac: bytes = b""


class TftpTracker:
    """All transfers of a capture. Addresses are four bytes and two of the port, as they lie in the packet."""

    def __init__(self) -> None:
        self.flows: dict[bytes, _Flow] = {}
        self.done: list[tuple[bytes, Transfer]] = []  # the client's MAC, the transfer
        self.dropped = 0

    def request(self, key: bytes, mac: bytes, server: str, t_ns: int, frame: int, payload: bytes) -> None:
        """A datagram to port 69."""
        try:
            message = decode(payload)
        except WireError:
            return
        if not isinstance(message, ReadRequest | WriteRequest):
            return
        flow = self.flows.get(key)
        name = printable(message.filename)
        if flow is not None and flow.transfer.name == name and not flow.transfer.answered_from:
            flow.transfer.requests += 1
            flow.transfer.last_ns, flow.transfer.last_frame = t_ns, frame
            return
        if flow is not None:
            self._finish(flow, t_ns)
        if len(self.done) + len(self.flows) >= MAX_TRANSFERS:
            self.dropped += 1
            return
        asked = {option.lower(): value for option, value in message.options}
        transfer = Transfer(
            t_ns=t_ns, frame=frame, client=address(key[:4]), client_port=int.from_bytes(key[4:]),
            server=server, name=name, upload=isinstance(message, WriteRequest), asked=asked,
            last_ns=t_ns, last_frame=frame,
        )  # fmt: skip
        self.flows[key] = _Flow(transfer, mac=mac)

    def packet(self, flow: _Flow, *, down: bool, source: bytes, t_ns: int, frame: int,
               payload: bytes, length: int) -> None:  # fmt: skip
        """A datagram of a transfer; `down` where it goes to the client, `source` is its sender's address."""
        transfer = flow.transfer
        transfer.last_ns, transfer.last_frame = t_ns, frame
        kind = payload[1:2]
        if down and not transfer.answered_from:
            transfer.answered_from = address(source[:4])
            transfer.server_port = int.from_bytes(source[4:])
        if kind == b"\x03":
            self._data(flow, payload, length)
        elif kind == b"\x04":
            self._ack(flow, int.from_bytes(payload[2:4]))
        elif kind in (b"\x05", b"\x06"):
            self._control(flow, down, frame, payload)

    def end(self, t_ns: int) -> None:
        """The capture is over."""
        for flow in self.flows.values():
            self._finish(flow, t_ns)
        self.flows.clear()

    def _data(self, flow: _Flow, payload: bytes, length: int) -> None:
        transfer, size = flow.transfer, length - 4
        number = _on(transfer.block, int.from_bytes(payload[2:4]))
        transfer.blocks += 1
        if number <= transfer.block:
            transfer.repeated += 1
            flow.stuck += 1
            _again(flow, number)
            return
        if transfer.block == 0:
            transfer.head = payload[4 : 4 + _HEAD]
        flow.stuck = 0
        transfer.block = number
        transfer.sent += size
        if size < flow.blksize:
            flow.final = number

    def _ack(self, flow: _Flow, block: int) -> None:
        transfer = flow.transfer
        number = _on(transfer.acked, block)
        if number > transfer.acked:
            flow.stuck = 0
            transfer.acked = number
            if number > flow.again_to:
                flow.again = 0  # one ACK for what was sent twice: a copy, or an ACK, was lost
        else:
            flow.stuck += 1
            if number == flow.again_to:
                transfer.late += flow.again
                flow.again = 0
        if flow.final and transfer.acked >= flow.final:
            transfer.outcome = "complete"

    def _control(self, flow: _Flow, down: bool, frame: int, payload: bytes) -> None:
        transfer = flow.transfer
        try:
            message = decode(payload)
        except WireError:
            return
        if isinstance(message, OptionAck) and down:
            self._granted(flow, {name.lower(): value for name, value in message.options})
        elif isinstance(message, Error) and transfer.outcome in ("open", "complete"):
            if transfer.outcome == "complete":
                return
            transfer.error, transfer.error_text = message.code, printable(message.message)
            transfer.error_by_client, transfer.error_frame = not down, frame
            transfer.outcome = _outcome(transfer)

    def _granted(self, flow: _Flow, options: dict[str, str]) -> None:
        transfer = flow.transfer
        if transfer.granted is not None:
            transfer.repeated += 1
            flow.stuck += 1
            return
        transfer.granted = options
        flow.blksize = _number(options.get("blksize", "")) or DEFAULT_BLKSIZE
        if "tsize" in options:
            transfer.size = _number(options["tsize"])

    def _finish(self, flow: _Flow, now_ns: int) -> None:
        transfer = flow.transfer
        if transfer.outcome == "open":
            waited = now_ns - transfer.last_ns
            if not transfer.answered_from:
                if transfer.requests > 1 or waited >= _STALL_NS:
                    transfer.outcome = "unanswered"
            elif flow.final:
                transfer.outcome = "unacknowledged"
            elif flow.stuck > 1 or (waited >= _STALL_NS and transfer.blocks):  # else its DATA is filtered out
                transfer.outcome = "stalled"
        self.done.append((flow.mac, transfer))


def _again(flow: _Flow, number: int) -> None:
    """Block `number` is sent again. Where its ACK was seen already, the first copy arrived; else it did where
    a second ACK comes."""
    if number <= flow.transfer.acked:
        flow.transfer.late += 1
    else:
        flow.again, flow.again_to = flow.again + 1, max(flow.again_to, number)


def address(packed: bytes) -> str:
    """Four bytes as a dotted quad: quicker than ipaddress, which checks what cannot be wrong here."""
    return ".".join(map(str, packed))


def _on(last: int, block: int) -> int:
    """The number of `block`, which has 16 bit, counted on from `last` over roll-overs."""
    return last + ((block - last + 0x8000) & 0xFFFF) - 0x8000


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _outcome(transfer: Transfer) -> str:
    if transfer.error_by_client:
        early = transfer.error in _ABORTS and transfer.acked == 0 and transfer.block <= 64
        return "aborted" if early else "error"
    return "refused" if transfer.block == 0 else "error"
