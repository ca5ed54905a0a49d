"""A Console without a thread: whoever waits reads the stream himself, in virtual time.

Everything but the reader's thread is the real Console. So a schedule of faults gives the same run every time,
and a timeout of ten seconds costs nothing.
"""

from lab.console.alarms import RULES
from lab.console.session import Console, Wait
from lab.console.transcript import Transcript
from lab.errors import StreamClosed
from lab.interfaces import ByteStream
from lab.testing.clock import VirtualClock


class SteppedConsole(Console):
    """`stream.read(timeout)` must advance `clock` by the time that it waited."""

    def __init__(self, stream: ByteStream, clock: VirtualClock) -> None:
        super().__init__(stream, Transcript(), rules=RULES)
        self.clock = clock

    def start(self) -> None:
        """Open the stream; no thread."""
        self._stream.open()

    def now(self) -> float:
        """Virtual seconds."""
        return self.clock.now

    def _block(self, wait: Wait, timeout: float) -> None:
        deadline = self.clock.now + timeout
        while not wait.done.is_set() and (left := deadline - self.clock.now) > 1e-9:
            try:
                data = self._stream.read(left)
            except StreamClosed as error:
                self._end(error)
                return
            if data:
                self._take(self.clock.now_ns, data)
