"""The receiver's side of one TFTP transfer (WRQ) as a pure state machine (RFC 1350, 2347 to 2349, 7440).

Time is an argument, in seconds of any monotonic clock. The caller gives each datagram to `receive_datagram`
and writes what that returns; once `complete`, it puts the file in its place and says `stored`; only then the
last block is acknowledged, so that a client that has our last ACK may rely on its file. It sends what
`datagrams_to_send` returns and calls `handle_timer` once `get_timer` has passed, until `outcome` is set.

Which DATA does what (RFC 7440 section 4):

    the next block            -> taken; acknowledged where it ends a window or the file
    one beyond it             -> a gap: the block before it is acknowledged, once
    the last one taken        -> our ACK was lost: said again
    anything else             -> nothing: a late one, or none of ours
"""

import struct
from collections.abc import Sequence
from typing import Final

from pxe.errors import WireError
from pxe.wire import tftp
from pxe.wire.transfer import FIRST_RTO, GIVE_UP, MAX_RTO, MIN_TRIES, Outcome

LINGER: Final = 3.0  # seconds in which a client that lost our last ACK may ask for it again
_HEADER: Final = 4
_AHEAD: Final = 0x8000  # of two block numbers modulo 65536, which one is later
_read_head = struct.Struct("!HH").unpack_from


class Upload:
    """Receives one file from one client."""

    __slots__ = (
        "_blksize", "_complete", "_due", "_error", "_expected", "_give_up", "_in_window", "_limit", "_nacked",
        "_oack", "_progress_at", "_rto", "_said_at", "_stored", "_timeout", "_tries", "_window",
        "detail", "outcome", "received", "repeated",
    )  # fmt: skip
    block, resumed, round_trip, late = 0, False, 0.0, 0  # an upload never is, nor does it measure

    def __init__(
        self,
        now: float,
        *,
        limit: int,
        blksize: int = tftp.DEFAULT_BLKSIZE,
        windowsize: int = 1,
        timeout: int | None = None,
        oack: bytes | None = None,
    ) -> None:
        """`limit`: the most bytes that are taken; `timeout` (seconds): the client's, where it was granted."""
        self.outcome: Outcome | None = None
        self.detail = ""
        self.received = 0  # bytes of payload
        self.repeated = 0  # DATA blocks that came again
        self._blksize = blksize
        self._window = windowsize
        self._limit = limit
        self._oack = oack
        self._expected = 1  # block, counted without end
        self._in_window = 0
        self._nacked = False
        self._complete = self._stored = False
        self._error = b""
        self._due = True
        self._timeout = timeout
        self._rto = float(timeout) if timeout else FIRST_RTO
        self._give_up = max(GIVE_UP, MIN_TRIES * self._rto)
        self._tries = 0
        self._said_at = self._progress_at = now

    @property
    def acknowledged(self) -> int:
        """Bytes of payload received."""
        return self.received

    @property
    def progress_at(self) -> float:
        """When the client last sent something new (or asked)."""
        return self._progress_at

    @property
    def answered(self) -> bool:
        """Whether the client has sent any block yet."""
        return self._expected > 1

    @property
    def complete(self) -> bool:
        """Whether the last block is here and `stored` is awaited."""
        return self._complete and not self._stored and self.outcome is None

    def receive_datagram(self, data: bytes, now: float) -> bytes:
        """Return the payload of the next block in `data`, b"" where there is none.

        Raises WireError where it is not TFTP, or not of an upload; the transfer goes on.
        """
        if len(data) < _HEADER:
            raise WireError(f"a datagram of {len(data)} bytes in an upload: DATA has at least 4")
        opcode, number = _read_head(data)
        if opcode != tftp.Opcode.DATA:
            self._receive_other(data)
            return b""
        if self.outcome is not None:
            return b""
        if len(data) - _HEADER > self._blksize:
            raise WireError(f"DATA of {len(data) - _HEADER} bytes; blocks have {self._blksize}")
        ahead = (number - self._expected) & 0xFFFF
        if ahead or self._complete:
            self._receive_unexpected(ahead)
            return b""
        return self._receive_next(data[_HEADER:], now)

    def stored(self, now: float, detail: str = "") -> None:
        """The file is in its place: acknowledge the last block. `detail` is for the record of the end."""
        self._stored = True
        self.detail = detail
        self._due = True
        self._said_at = self._progress_at = now

    def datagrams_to_send(self, now: float) -> Sequence[bytes]:
        """Return what is to be sent now."""
        if self._error:
            error, self._error = self._error, b""
            return (error,)
        if not self._due or self.outcome is not None:
            return ()
        self._due = False
        self._said_at = now
        self._in_window = 0
        if self._expected == 1 and self._oack is not None:
            return (self._oack,)
        return (tftp.encode(tftp.Ack((self._expected - 1) & 0xFFFF)),)

    def get_timer(self) -> float | None:
        """Return when `handle_timer` is to be called, None once the transfer has ended."""
        if self.outcome is not None:
            return None
        return self._progress_at + LINGER if self._stored else self._said_at + self._rto

    def handle_timer(self, now: float) -> None:
        """Say again what we said last, or give up. Does nothing before `get_timer`."""
        timer = self.get_timer()
        if timer is None or now < timer:
            return
        silent = now - self._progress_at
        if self._stored:
            self._end(Outcome.COMPLETE, self.detail)
        elif self._tries >= MIN_TRIES and silent >= self._give_up:
            where = f"after block {self._expected - 1}" if self.answered else "from the start"
            self._end(Outcome.STALLED, f"nothing came {where} for {silent:.0f} s")
        else:
            self._tries += 1
            if self._timeout is None:
                self._rto = min(self._rto * 2, MAX_RTO)
            self._due = True

    def handle_unreachable(self) -> None:
        """The client's host says that nobody listens at its port any more (ICMP)."""
        if self._stored:
            self.end(Outcome.COMPLETE, self.detail)
        else:
            self.end(Outcome.ABORTED, "the client closed its port")

    def fail(self, code: tftp.ErrorCode, detail: str) -> None:
        """End the transfer for a reason of ours; `datagrams_to_send` returns the ERROR once."""
        if self.outcome is None:
            self._error = tftp.encode(tftp.Error(code, tftp.printable(detail)))
            self._end(Outcome.ERROR, detail)

    def end(self, outcome: Outcome, detail: str) -> None:
        """End the transfer without a word to the client; nothing where it has ended."""
        if self.outcome is None:
            self._end(outcome, detail)

    def _receive_next(self, payload: bytes, now: float) -> bytes:
        if self.received + len(payload) > self._limit:
            self.fail(tftp.ErrorCode.DISK_FULL, f"the file is longer than {self._limit} bytes")
            return b""
        # While the last ACK is not timed: a client's own pace sets ours (it only repeats, it never hurries).
        self._tries = 0
        if self._timeout is None:
            self._rto = FIRST_RTO
        self._said_at = self._progress_at = now
        self._nacked = False
        self.received += len(payload)
        self._expected += 1
        self._in_window += 1
        self._complete = len(payload) < self._blksize
        self._due = not self._complete and self._in_window >= self._window
        return payload

    def _receive_unexpected(self, ahead: int) -> None:
        if self._expected > 1 and ahead == 0xFFFF:
            self.repeated += 1
            self._due = self._stored or not self._complete
        elif 0 < ahead < min(self._window, _AHEAD) and not self._nacked and not self._complete:
            self._nacked = True
            self._due = True

    def _receive_other(self, data: bytes) -> None:
        message = tftp.decode(data)
        if not isinstance(message, tftp.Error):
            raise WireError(
                f"{type(message).__name__} in the middle of an upload; only DATA and ERROR make sense"
            )
        if self._stored:
            self.end(Outcome.COMPLETE, self.detail)
        else:
            text = tftp.printable(message.message) or "(no text)"
            self.end(Outcome.ABORTED, f"the client sent error {message.code}: {text}")

    def _end(self, outcome: Outcome, detail: str) -> None:
        self.outcome = outcome
        self.detail = detail
        self._due = False
