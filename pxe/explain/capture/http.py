"""HTTP requests and the heads of their answers, out of TCP segments: enough to say what a machine was told.

Segments are taken as they come: a head that arrives in pieces out of order is not put together.
"""

from dataclasses import dataclass, field
from typing import Final

from pxe.explain.capture.tftp import address
from pxe.explain.evidence import Connection, HttpExchange
from pxe.wire.tftp import printable

FIN, SYN, RST, ACK = 1, 2, 4, 16
_METHODS: Final = (b"GET ", b"HEAD ", b"POST ", b"PUT ")
_MAX_HEAD: Final = 16384
_BODY: Final = 4096
_MAX: Final = 100_000
_PATIENCE_NS: Final = 3_000_000_000


@dataclass(slots=True)
class _Conn:
    t_ns: int
    frame: int
    mac: bytes
    tries: int = 1
    answered: bool = False
    hello: bool = False  # the client began with TLS
    asked: bytes = b""
    told: bytes | None = None  # the head of the answer as far as it came; None: no answer is due
    exchange: HttpExchange | None = None
    began: int = 0  # sequence number of the answer's first byte
    exchanges: list[HttpExchange] = field(default_factory=list)


class HttpTracker:
    """All HTTP of a capture."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Conn] = {}  # by both ends
        self.done: list[tuple[bytes, HttpExchange]] = []  # the client's MAC, the exchange
        self.faults: list[tuple[bytes, Connection]] = []

    def up(self, key: bytes, mac: bytes, t_ns: int, frame: int, flags: int,
           payload: bytes, window: int) -> None:  # fmt: skip
        """A segment from the client; `key` is its address and port, then those of the server. `window` as in
        the header: whatever its scale, 0 is "send nothing more"."""
        conn = self._open.get(key)
        if flags & SYN:
            self._begin(key, conn, mac, t_ns, frame)
            return
        if conn is None:
            if not payload.startswith(_METHODS) or len(self._open) >= _MAX:
                return
            conn = self._open[key] = _Conn(t_ns, frame, mac, answered=True)
        if conn.exchange is not None and window == 0 and not flags & RST:
            conn.exchange.stuck_ns = max(0, t_ns - conn.exchange.last_ns) if conn.began >= 0 else 0
        if conn.exchange is not None and flags & RST and not conn.exchange.closed:
            conn.exchange.left_at = conn.exchange.received
        if not payload:
            return
        if payload.startswith(b"\x16\x03") and not conn.exchanges:
            conn.hello = True
        elif payload.startswith(_METHODS) or conn.asked:
            self._ask(key, conn, t_ns, frame, payload)

    def down(self, key: bytes, t_ns: int, frame: int, flags: int, sequence: int,
             payload: bytes, length: int) -> None:  # fmt: skip
        """A segment from the server; `key` as in `up`, `length` is that of its payload on the wire."""
        conn = self._open.get(key)
        if conn is None:
            return
        if flags & RST and not conn.answered:
            self._fault(key, conn, "refused", frame)
            del self._open[key]
            return
        conn.answered = True
        if conn.hello:
            if flags & (RST | FIN) or payload.startswith(b"HTTP/"):
                self._fault(key, conn, "tls", frame)
                del self._open[key]
            elif length:
                conn.hello = False  # it does speak TLS
            return
        if conn.exchange is not None:
            self._answer(conn, conn.exchange, t_ns, frame, sequence, payload, length)
            if flags & (FIN | RST):
                conn.exchange.closed = True

    def end(self, t_ns: int) -> None:
        """The capture is over."""
        for key, conn in self._open.items():
            if not conn.answered and (conn.tries > 1 or t_ns - conn.t_ns > _PATIENCE_NS):
                self._fault(key, conn, "unanswered", conn.frame)
        self._open.clear()

    def _begin(self, key: bytes, conn: _Conn | None, mac: bytes, t_ns: int, frame: int) -> None:
        if conn is not None and not conn.answered:
            conn.tries += 1
        elif len(self._open) < _MAX:
            self._open[key] = _Conn(t_ns, frame, mac)

    def _ask(self, key: bytes, conn: _Conn, t_ns: int, frame: int, payload: bytes) -> None:
        conn.asked += payload
        head, end, _ = conn.asked.partition(b"\r\n\r\n")
        if not end and len(conn.asked) < _MAX_HEAD:
            return
        first, fields = _fields(head)
        conn.asked = b""
        words = first.split()
        if len(words) < 2 or len(self.done) >= _MAX:
            return
        exchange = HttpExchange(
            t_ns=t_ns, frame=frame, client=address(key[:4]), server=address(key[6:10]),
            port=int.from_bytes(key[10:12]), method=words[0], target=printable(words[1]), request=fields,
        )  # fmt: skip
        conn.exchange, conn.told, conn.began = exchange, b"", -1
        self.done.append((conn.mac, exchange))

    def _answer(self, conn: _Conn, exchange: HttpExchange, t_ns: int, frame: int, sequence: int,
                payload: bytes, length: int) -> None:  # fmt: skip
        if not length:
            return
        if conn.began < 0:
            if not payload.startswith(b"HTTP/"):
                return
            conn.began, exchange.answer_frame, exchange.answer_ns = sequence, frame, t_ns
        received = ((sequence - conn.began) & 0xFFFFFFFF) + length
        if received <= exchange.received:  # once more: it was not acknowledged; one byte is a keep-alive
            exchange.stuck_ns = t_ns - exchange.last_ns if length > 1 else exchange.stuck_ns
            return
        exchange.received, exchange.last_ns, exchange.stuck_ns = received, t_ns, 0
        if conn.told is None:
            return
        conn.told += payload
        head, end, body = conn.told.partition(b"\r\n\r\n")
        cut = len(payload) < length
        if end or cut or len(conn.told) > _MAX_HEAD:
            _read_answer(exchange, head, whole=bool(end))
            exchange.head = body[:_BODY]
            wants_body = end and not cut and len(body) < _BODY
            conn.told = conn.told if wants_body else None

    def _fault(self, key: bytes, conn: _Conn, fault: str, frame: int) -> None:
        found = Connection(
            t_ns=conn.t_ns, frame=frame, client=address(key[:4]), server=address(key[6:10]),
            port=int.from_bytes(key[10:12]), fault=fault, tries=conn.tries,
        )  # fmt: skip
        self.faults.append((conn.mac, found))


def _read_answer(exchange: HttpExchange, head: bytes, *, whole: bool) -> None:
    first, fields = _fields(head)
    words = first.split(None, 2)
    if len(words) < 2 or not words[1].isdigit() or len(words[1]) != 3:
        return
    exchange.version, exchange.status = words[0], int(words[1])
    exchange.reason = printable(words[2]) if len(words) > 2 else ""
    exchange.answer, exchange.head_whole = fields, whole


def _fields(head: bytes) -> tuple[str, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:100]:
        name, colon, value = line.partition(":")
        if colon:
            fields[name.strip().lower()] = value.strip()
    return lines[0], fields
