"""The sender's side of one TFTP transfer as a pure state machine (RFC 1350, 2347 to 2349, 7440).

Time is an argument, in seconds of any monotonic clock. The caller reads a datagram and gives it to
`receive_datagram`, sends what `datagrams_to_send` returns, and calls `handle_timer` once `get_timer` has
passed, until `outcome` is set.

Blocks are counted from 1 without end; only the wire sees them modulo 65536 (`wire_number`). An OACK is
block 0 of the same sequence: sent, acknowledged and repeated like any other, so there is no phase to keep.

Which ACK does what (RFC 1123 section 4.2.3.1, RFC 7440 section 4):

    the last block in flight        -> the next window
    some block in flight            -> a gap behind it: go on from there, once
    the last one acknowledged       -> the window once more where windows are used, but never for two windows
                                       in a row; in lock-step nothing (the Sorcerer's Apprentice)
    anything else                   -> nothing: a late one, or none of ours
"""

import struct
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final, Protocol

from pxe.errors import WireError
from pxe.wire import tftp

FIRST_RTO: Final = 1.0  # seconds until the round trip is known
KNOWN_RTO: Final = 0.25  # the least of these for a client whose round trip an earlier transfer has told
MIN_RTO: Final = 0.05  # less, and a busy host repeats what was not lost: U-Boot on virtio hangs by that
# So many repetitions come after the same wait; then each waits twice as long. A transfer is a thin stream:
# silence alone tells that a block was lost (Linux does so for TCP: tcp_thin_linear_timeouts). Where one
# packet in five is, each way, GRUB's blocks came in 51 ms each instead of 83.
LINEAR_TRIES: Final = 2
# What was waited for in vain may have been too short: as long is waited once more (Karn), but no longer.
KEPT_RTO: Final = 0.1
MAX_RTO: Final = 4.0
MIN_TRIES: Final = 5
GIVE_UP: Final = 30.0  # seconds without any progress
LAST_ACK: Final = 4.0  # seconds that the ACK of the last block is waited for
RESUMED_REACH: Final = 0x7FFF  # blocks that a client may be ahead of what an earlier process noted
RTT_SAMPLE_INTERVAL: Final = 0.05  # measuring each round trip costs more than it tells
_AT_ONCE: Final = -1.0  # the next answer to what was sent once tells the round trip

_read_head = struct.Struct("!HH").unpack_from
_ACK: Final = 4
Buffer = bytes | memoryview


def wire_number(block: int, rollover: int = 0) -> int:
    """Return `block` as on the wire. After 65535 comes 0 by common use; a few boot ROMs want 1."""
    if rollover and block > 0:
        return (block - 1) % 0xFFFF + 1
    return block & 0xFFFF


class Outcome(StrEnum):
    """How a transfer ended; the words of `pxe.events.TransferEnded`."""

    COMPLETE = "complete"
    UNACKNOWLEDGED = "unacknowledged"
    ABORTED = "aborted"
    STALLED = "stalled"
    ERROR = "error"


class PacketSource(Protocol):
    """Ready DATA packets of one file at one block size."""

    size: int  # bytes of payload in all
    blksize: int
    last_block: int  # the one that ends the transfer, shorter than blksize: size // blksize + 1

    def runs(self, first: int, count: int) -> Sequence[Buffer]:
        """Return the DATA packets `first` to `first + count - 1`, back to back, in one or more buffers.

        Each packet is blksize + 4 bytes long, except block `last_block`. Raises PxeError where the file is no
        longer what it was.
        """

    def lockstep(self, first: int) -> Iterator[tuple[bytes, Buffer]]:
        """Return (its ACK, the DATA packet) of block `first` and some or all that follow it; at least one.

        Raises as `runs` does.
        """


class Transfer:
    """Sends one file to one client."""

    # The hot path is `exchange`: in lock-step the kernel takes 4 us for a block, a Python line some 0.05.
    # So the ACK that is due is compared as bytes, and block numbers are made up only when they are needed.
    # While `_expected` is set, block `_acked + 1` is in flight, for the first time, since `_sent_at`.
    __slots__ = (
        "_acked",
        "_again",
        "_again_to",
        "_ceiling",
        "_due",
        "_expected",
        "_first_rto",
        "_give_up",
        "_highest",
        "_last",
        "_lockstep",
        "_no_nack",
        "_oack",
        "_progress_at",
        "_reach",
        "_rollover",
        "_rto",
        "_rtt_next",
        "_sent",
        "_sent_at",
        "_source",
        "_srtt",
        "_tries",
        "_window",
        "detail",
        "late",
        "outcome",
        "repeated",
    )

    def __init__(
        self,
        source: PacketSource,
        now: float,
        *,
        windowsize: int = 1,
        timeout: int | None = None,
        oack: bytes | None = None,
        rollover: int = 0,
        round_trip: float = 0.0,
    ) -> None:
        """`timeout` (seconds) is the client's, where it was granted (RFC 2349): we never wait longer. Waiting
        as long as that each time would cost U-Boot, which asks for 5 s, its boot where one packet in five is
        lost: it gives up after its tenth timeout, counted over the whole file.

        `rollover` is the number that follows 65535 on the wire, see `wire_number`. `round_trip` (seconds) is
        what an earlier transfer to the client ended with, 0 where there was none: boot loaders fetch a dozen
        small files, and on a bad cable would wait FIRST_RTO and more for each.
        """
        self.outcome: Outcome | None = None
        self.detail = ""
        self.repeated = 0  # DATA blocks sent again
        self.late = 0  # of these, such as were answered twice: nothing was lost, the answer came late
        self._again, self._again_to = 0, -1  # the newest blocks sent again, how many and up to which
        self._source = source
        self._window = windowsize
        self._oack = oack
        self._rollover = rollover
        self._last = source.last_block
        self._acked = -1 if oack else 0
        self._sent = self._acked  # last block in flight
        self._highest = 0  # last DATA block ever sent
        self._reach = 0  # see `resume`
        self._no_nack = 0  # windows for which an ACK that says nothing new is ignored
        self._due = True
        self._lockstep: Iterator[tuple[bytes, Buffer]] = iter(())
        self._expected: bytes | None = None  # outside lock-step; b"" would equal an empty datagram
        self._ceiling = float(timeout or MAX_RTO)
        self._first_rto = min(max(3 * round_trip, KNOWN_RTO) if round_trip else FIRST_RTO, self._ceiling)
        self._rto = self._first_rto
        self._give_up = max(GIVE_UP, MIN_TRIES * self._ceiling)
        self._tries = 0
        self._srtt = 0.0
        self._rtt_next = now
        self._sent_at = now
        self._progress_at = now

    def resume(self, acked: int) -> None:
        """Go on with a transfer that another process began, of which block `acked` at least was confirmed.

        What is sent first may be old: a client that has it says so by the ACK of what it has, and that one
        counts even where it is far ahead.
        """
        self._reach = RESUMED_REACH
        if acked > 0:  # else it may be anywhere in the first blocks: see datagrams_to_send
            self._acked = self._sent = min(acked, self._last - 1)
            self._highest = min(self._acked + self._window, self._last)

    @property
    def resumed(self) -> bool:
        """Whether it goes on with another process's transfer and the client has not been heard yet."""
        return self._reach > 0

    @property
    def block(self) -> int:
        """The last block that the client has confirmed, counted without end."""
        return max(self._acked, 0)

    @property
    def acknowledged(self) -> int:
        """Bytes of payload that the client has confirmed."""
        return min(max(self._acked, 0) * self._source.blksize, self._source.size)

    @property
    def progress_at(self) -> float:
        """When the client last confirmed something (or asked)."""
        return self._sent_at if self._expected else self._progress_at

    @property
    def round_trip(self) -> float:
        """Seconds that the client took to answer of late; 0 where nothing has told."""
        return self._srtt

    @property
    def answered(self) -> bool:
        """Whether the client has confirmed anything yet."""
        return self._acked >= (1 if self._oack is None else 0)

    def exchange(self, data: bytes, now: float) -> Sequence[Buffer]:
        """`receive_datagram` and `datagrams_to_send` in one, quick where block follows block."""
        if data == self._expected:
            pair = next(self._lockstep, None)
            if pair is not None:
                self._acked += 1
                self._sent_at = now
                self._expected, packet = pair
                return (packet,)
        self.receive_datagram(data, now)
        return self.datagrams_to_send(now)

    def receive_datagram(self, data: bytes, now: float) -> None:
        """Take a datagram from the client. Raises WireError where it is not TFTP; the transfer goes on."""
        if len(data) < 4:
            raise WireError(f"a datagram of {len(data)} bytes in a transfer: an ACK has 4")
        opcode, block = _read_head(data)
        if opcode != _ACK:
            self._receive_other(data)
            return
        if self.outcome is not None:
            return
        in_lockstep = self._leave_lockstep()
        ahead = (block - self._acked) & 0xFFFF if not self._rollover else self._ahead(block)
        in_flight = max(self._sent, self._highest) - self._acked
        if not 0 < ahead <= max(in_flight, min(self._reach, self._last - self._acked)):
            if in_lockstep:
                self._expected = in_lockstep
            elif ahead == 0:
                self._repeat_once(now)
            return
        if self._tries:
            self._rto = max(self._from_srtt(), min(2 * self._rto, KEPT_RTO))
            self._rtt_next = _AT_ONCE
        elif now >= self._rtt_next:
            self._measure(now)
        self._acked += ahead
        self._no_nack = max(0, self._no_nack - 1)
        self._reach = 0
        self._tries = 0
        self._progress_at = now
        if self._acked >= self._last:
            self.outcome = Outcome.COMPLETE
        else:
            self._due = True

    def datagrams_to_send(self, now: float) -> Sequence[Buffer]:
        """Return what is to be sent now: buffers of whole datagrams back to back, see PacketSource.runs."""
        if not self._due:
            return ()
        self._due = False
        self._sent_at = now
        acked = self._acked
        if acked < 0:
            if self._reach:
                return ()  # an OACK after DATA makes U-Boot start over: its own timer says where it is
            self._sent = 0
            return (self._oack,) if self._oack is not None else ()
        # Two of three repetitions are of the first block alone, which most clients answer: a board that was
        # switched off does not find a heap of frames when it comes back (U-Boot's virtio driver dies of 32).
        whole = self._tries == 0 or self._tries % 3 == 1
        sent = self._sent = min(acked + (self._window if whole else 1), self._last)
        if acked < self._highest:
            self._again, self._again_to = min(sent, self._highest) - acked, min(sent, self._highest)
            self.repeated += self._again
        elif self._window == 1 and self._rtt_next != _AT_ONCE:
            return (self._enter_lockstep(acked + 1),)
        if sent > self._highest:
            self._highest = sent
        return self._source.runs(acked + 1, sent - acked)

    def get_timer(self) -> float | None:
        """Return when `handle_timer` is to be called, None once the transfer has ended."""
        return None if self.outcome is not None else self._sent_at + self._rto

    def handle_timer(self, now: float) -> None:
        """Repeat what is in flight, or give up. Does nothing before `get_timer`."""
        if self.outcome is not None or now < self._sent_at + self._rto:
            return
        self._leave_lockstep()
        self._tries += 1
        all_sent = self._highest == self._last
        if all_sent and self._tries > MIN_TRIES and now - self._progress_at >= LAST_ACK:
            # Boot ROMs jump into the file as soon as they have it: the last ACK may never come.
            self._end(Outcome.UNACKNOWLEDGED, "all was sent; the last ACK never came")
        elif self._tries > MIN_TRIES and now - self._progress_at >= self._give_up:
            what = f"after block {self._acked}" if self.answered else "from the start"
            self._end(Outcome.STALLED, f"no answer {what} for {now - self._progress_at:.0f} s")
        else:
            if self._tries > LINEAR_TRIES:
                self._rto = min(self._rto * 2, self._ceiling)
            self._due = True

    def handle_unreachable(self) -> None:
        """The client's host says that nobody listens at its port any more (ICMP)."""
        if self.outcome is None:
            self._leave_lockstep()
            if self._highest == self._last and self.answered:
                self._end(
                    Outcome.UNACKNOWLEDGED, "all was sent; the client closed its port before the last ACK"
                )
            else:
                self._end(Outcome.ABORTED, "the client closed its port")

    def end(self, outcome: Outcome, detail: str) -> None:
        """End the transfer for a reason that it cannot see itself; nothing where it has ended."""
        if self.outcome is None:
            self._end(outcome, detail)

    def _repeat_once(self, now: float) -> None:
        """The client has the block before the window and asks for the window: its first block was lost.

        Not where it cannot be the answer to this window yet, nor for two windows in a row: a repeated window
        that was not lost makes the client say the same of the next one, and so for ever.
        """
        if self._acked == self._again_to:  # both copies of the last blocks were answered
            self.late += self._again
            self._again_to = -1
        early = now - self._sent_at < self._srtt / 4
        if self._window > 1 and not self._no_nack and not early and self._sent > self._acked >= 0:
            self._no_nack = 2
            self._due = True

    def _ahead(self, block: int) -> int:
        """How far the ACK of `block` is beyond the last one, where block 1 follows 65535."""
        if self._acked < 1 or block == 0:  # 0 acknowledges an OACK and is no block
            return block - self._acked
        return (block - wire_number(self._acked, 1)) % 0xFFFF

    def _enter_lockstep(self, block: int) -> Buffer:
        self._lockstep = self._source.lockstep(block)
        self._expected, packet = next(self._lockstep)
        return packet

    def _leave_lockstep(self) -> bytes | None:
        """Make up the numbers that `exchange` leaves out; return the ACK that was due, None outside."""
        expected = self._expected
        if expected:
            self._sent = self._highest = self._acked + 1
            self._progress_at = self._sent_at
            self._expected = None
        return expected

    def _receive_other(self, data: bytes) -> None:
        message = tftp.decode(data)
        if isinstance(message, tftp.Error):
            if self.outcome is None:
                text = tftp.printable(message.message) or "(no text)"
                self._end(Outcome.ABORTED, f"the client sent error {message.code}: {text}")
        else:
            raise WireError(
                f"{type(message).__name__} in the middle of a transfer; only ACK and ERROR make sense"
            )

    def _measure(self, now: float) -> None:
        """Take one round trip of what was sent once (Karn) into the retransmission time.

        It rises by a quarter at most each time: where our window's ACK was lost, the client's own timer
        repeats it seconds later, and one such sample made us wait for that timer ever after.
        """
        self._rtt_next = now + RTT_SAMPLE_INTERVAL
        rtt = now - self._sent_at
        self._srtt = min(rtt, 1.25 * self._srtt) if self._srtt else rtt
        self._rto = self._from_srtt()

    def _from_srtt(self) -> float:
        """The retransmission time (RFC 6298 in short)."""
        return min(max(3 * self._srtt, MIN_RTO), self._ceiling) if self._srtt else self._first_rto

    def _end(self, outcome: Outcome, detail: str) -> None:
        self._leave_lockstep()
        self.outcome = outcome
        self.detail = detail
        self._due = False
