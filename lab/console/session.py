"""A console: the reader that never stops, and the waiting for what it read.

One thread reads the stream from `start()` to `close()`, whether anybody waits or not. For every chunk, in
this order: stamp it, record it, tell the subscribers, look for alarms, feed the one who waits. So whoever
gets a match knows that the recording and all subscribers have seen it.

Waiting is done by pure machines (`lab.console.expect`) which the reader feeds itself: the waiting thread is
woken once, when its answer is known, not at every byte.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from lab.clock import now_ns
from lab.console.alarms import RESET, RULES, UBOOT, Alarm, AlarmRaised, AlarmRule, AlarmScanner
from lab.console.clean import Cleaner
from lab.console.expect import Expect, Match, Pattern
from lab.console.memory import CleanMemory
from lab.console.transcript import Transcript
from lab.errors import ConsoleError, ConsoleTimeout, InfrastructureError, StreamClosed, UsageError
from lab.interfaces import ByteStream

log = logging.getLogger(__name__)

READ_SECONDS = 0.05  # silence after which the reader writes the recording and looks whether it shall stop
CLEAN_BYTES = 4 << 20  # the longest output a wait can look back on
Subscriber = Callable[[int, bytes], None]


class Machine(Protocol):
    """What a wait is done with: `lab.console.expect.Expect`, `lab.console.echo.Echo`."""

    def feed(self, t_ns: int, data: bytes) -> list[Match]:
        """The matches that `data` completes."""


@runtime_checkable
class TalkingMachine(Machine, Protocol):
    """A machine that also says what to send; the reader sends it at once (lab.shells.exchange)."""

    def take_output(self) -> bytes:
        """What is to be sent now; given once."""


class Wait:
    """One thread's wait: its machine, and the answer once there is one."""

    def __init__(self, machine: Machine, base: int) -> None:
        self.machine = machine
        self.talker = machine if isinstance(machine, TalkingMachine) else None
        self.base = base  # offset in the clean stream at which the machine began
        self.match: Match | None = None
        self.error: Exception | None = None
        self.done = threading.Event()

    def feed(self, t_ns: int, data: bytes) -> None:
        if self.match is None and (matches := self.machine.feed(t_ns, data)):
            self.match = matches[0]

    def settle(self, alarms: Sequence[Alarm], error: Exception | None, console: str) -> bool:
        """Whether the wait is over: the match, or the alarm or the end of the stream before it."""
        end = self.base + self.match.end if self.match is not None else None
        for alarm in alarms:
            if alarm.end > self.base and (end is None or alarm.end < end):
                self.match, self.error = None, AlarmRaised(console, alarm)
                break
        else:
            if end is None:
                self.error = error
        if self.match is None and self.error is None:
            return False
        self.done.set()
        return True


class Console:
    """A board's console over `stream`, recorded in `transcript`.

    `rules` are the alarms that are armed from start to end. Usable in `with`: starts and closes.
    """

    def __init__(
        self, stream: ByteStream, transcript: Transcript, *, rules: Sequence[AlarmRule] = RULES
    ) -> None:
        self.name = stream.name
        self.transcript = transcript
        self.subscriber_errors = 0
        self._stream = stream
        self._scanner = AlarmScanner(rules)
        self._cleaner = Cleaner()
        self._memory = CleanMemory(CLEAN_BYTES)
        self._position = 0  # offset in the clean stream that the next wait begins at
        self._alarms: list[Alarm] = []
        self._fatal: list[Alarm] = []
        self._subscribers: tuple[Subscriber, ...] = ()
        self._lock = threading.Lock()
        self._wait: Wait | None = None
        self._ended: Exception | None = None
        self._stopping = False
        self._reader: threading.Thread | None = None

    # -- life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the stream and read from now on. Raises InfrastructureError where it cannot be opened."""
        if self._reader is not None:
            return
        self._stream.open()
        self._reader = threading.Thread(target=self._read_all, name=f"console {self.name}", daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Stop reading, close the stream and the recording; may be called twice."""
        self._stopping = True
        self._stream.close()
        if self._reader is not None and self._reader is not threading.current_thread():
            self._reader.join()
        self._end(StreamClosed(f"console {self.name} is closed"))
        self.transcript.close()

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more."""
        return self._ended is not None

    def __enter__(self) -> "Console":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading ------------------------------------------------------------------------------------------

    def _read_all(self) -> None:
        try:
            while not self._stopping:
                data = self._stream.read(READ_SECONDS)
                t_ns = now_ns()
                if data:
                    self._take(t_ns, data)
                else:
                    self.transcript.flush()
        except StreamClosed as error:
            self._end(error)
        except Exception as error:
            log.exception("console %s: its driver failed", self.name)
            self._end(InfrastructureError(f"console {self.name}: its driver failed: {error}"))
        self.transcript.flush()

    def _take(self, t_ns: int, data: bytes) -> None:
        """One chunk from the stream, read at `t_ns`."""
        self.transcript.output(t_ns, data)
        for subscriber in self._subscribers:
            try:
                subscriber(t_ns, data)
            except Exception:
                self.subscriber_errors += 1
                log.exception("console %s: a subscriber failed", self.name)
        with self._lock:
            clean = self._cleaner.feed(data)
            self._memory.append(t_ns, clean)
            for alarm in self._scanner.feed(t_ns, clean):
                self._note(alarm)
            if (wait := self._wait) is not None:
                wait.feed(t_ns, clean)
                wait.settle(self._fatal, None, self.name)
        if wait is not None:
            self._talk(wait)

    def _talk(self, wait: Wait) -> None:
        """Send what a talking machine wants sent."""
        talker = wait.talker
        if talker is not None and (output := talker.take_output()) and not wait.done.is_set():
            try:
                self.write(output)
            except StreamClosed as error:  # the board is off; the stream itself may live on
                with self._lock:
                    wait.settle(self._fatal, error, self.name)

    def _note(self, alarm: Alarm) -> None:
        self._alarms.append(alarm)
        if alarm.fatal and not alarm.expected:
            self._fatal.append(alarm)
        level = logging.INFO if alarm.expected else logging.WARNING
        log.log(level, "console %s: %s: %s", self.name, alarm.name, alarm.line)

    def _end(self, error: Exception) -> None:
        with self._lock:
            self._ended = self._ended or error
            if self._wait is not None:
                self._wait.settle(self._fatal, self._ended, self.name)

    # -- writing and waiting -----------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send `data`. Raises StreamClosed where nobody is at the other end (e.g. the board is off)."""
        self.transcript.input(now_ns(), data)
        self._stream.write(data)

    def expect(self, patterns: Sequence[Pattern | bytes | str] | Pattern | str, timeout: float) -> Match:
        """Wait for the first of `patterns` in what came since the last match (or `drain()`).

        Text and bytes are taken as regular expressions and are their own names. `Match.before` is what came
        before the match. Raises ConsoleTimeout, AlarmRaised (a panic, an unexpected reset, ... before the
        match) or StreamClosed.
        """
        items = [patterns] if isinstance(patterns, (Pattern, str, bytes)) else patterns
        return self.wait(Expect(map(_pattern, items), self._previous()), timeout)

    def wait(self, machine: Machine, timeout: float) -> Match:
        """`expect` with a machine of the caller's; it is fed from where the last match ended."""
        with self.waiting(machine) as wait:
            match = self.result(wait, timeout)
        if match is None:
            raise ConsoleTimeout(
                f"console {self.name}: not seen within {timeout:.3g} s; the last it said: {self.last_words()}"
            )
        return match

    @contextlib.contextmanager
    def waiting(self, machine: Machine) -> Iterator[Wait]:
        """Have the reader feed `machine` inside; ask `result` as often as you like."""
        with self._lock:
            if self._wait is not None:
                raise UsageError(f"console {self.name}: two threads wait at once; one console, one shell")
            wait = Wait(machine, self._position)
            for t_ns, data in self._memory.since(self._position):
                wait.feed(t_ns, data)
            wait.settle(self._fatal, self._ended, self.name)
            self._wait = wait
        try:
            self._talk(wait)
            yield wait
        finally:
            with self._lock:
                self._wait = None

    def result(self, wait: Wait, timeout: float) -> Match | None:
        """The answer, or None where it did not come within `timeout` seconds; raises as `expect` does."""
        if not wait.done.is_set():
            self._block(wait, timeout)
        with self._lock:
            return self._conclude(wait)

    def _block(self, wait: Wait, timeout: float) -> None:
        wait.done.wait(timeout)

    def _conclude(self, wait: Wait) -> Match | None:
        """The answer of a wait, and where the next one begins."""
        if wait.match is not None:
            start, end = wait.base + wait.match.start, wait.base + wait.match.end
            self._position = end
            return replace(wait.match, start=start, end=end, before=self._memory.slice(wait.base, start))
        if isinstance(wait.error, AlarmRaised):
            self._position = wait.error.alarm.end
        if wait.error is not None:
            raise wait.error
        return None

    def skip(self, count: int) -> None:
        """Take `count` bytes as seen, as if a match had ended behind them."""
        with self._lock:
            self._position += count

    def last_words(self) -> str:
        """The last line that is not empty, for messages."""
        with self._lock:
            tail = self._memory.slice(max(self._memory.end - 200, self._memory.begin), self._memory.end)
        lines = [line for line in tail.decode(errors="replace").splitlines() if line.strip()]
        return repr(lines[-1]) if lines else "(nothing)"

    def _previous(self) -> bytes:
        with self._lock:
            return self._memory.slice(self._position - 1, self._position) or b"\n"

    def pending(self) -> bytes:
        """What came since the last match, clean; it stays for the next wait."""
        with self._lock:
            return self._memory.slice(self._position, self._memory.end)

    def drain(self, *, past_alarms: bool = False) -> bytes:
        """The same, and the next wait begins behind it.

        Raises AlarmRaised, as a wait would, where an alarm lies in it, unless `past_alarms`.
        """
        with self._lock:
            start, self._position = self._position, self._memory.end
            missed = [alarm for alarm in self._fatal if start < alarm.end <= self._position]
            if missed and not past_alarms:
                self._position = missed[0].end
                raise AlarmRaised(self.name, missed[0])
            return self._memory.slice(start, self._position)

    def now(self) -> float:
        """Seconds of the clock that timeouts count in."""
        return time.monotonic()

    # -- who listens, and what must not pass unseen -------------------------------------------------------

    def subscribe(self, fn: Subscriber) -> Callable[[], None]:
        """Call `fn(t_ns, data)` in the reader's thread for every chunk (raw bytes); returns what ends it.

        `fn` must be quick: nothing is read meanwhile. An exception is logged and counted.
        """
        self._subscribers = (*self._subscribers, fn)

        def end() -> None:
            self._subscribers = tuple(s for s in self._subscribers if s is not fn)

        return end

    def alarms(self) -> list[Alarm]:
        """All alarms so far, those that were announced excepted."""
        with self._lock:
            return [alarm for alarm in self._alarms if not alarm.expected]

    @contextlib.contextmanager
    def expecting(self, *names: str) -> Iterator[None]:
        """Announce alarms: inside, those of these names end no wait and are no trouble."""
        with self._lock:
            added = set(names) - self._scanner.expecting
            self._scanner.expecting |= added
        try:
            yield
        finally:
            with self._lock:
                self._scanner.expecting -= added

    @contextlib.contextmanager
    def expecting_reset(self) -> Iterator[None]:
        """Announce a power cycle or a `reset` of our own."""
        with self.expecting(RESET):
            yield

    def begin_boot(self, transcript: Transcript | None = None) -> None:
        """A new boot begins, by our own hand on the power: the banners to come are no reset, and what is said
        from now on is recorded in `transcript`, where one is given. To be called while the power is off.
        """
        with self._lock:
            self._scanner.begin_boot()
            self._cleaner = Cleaner()
        if transcript is not None:
            old, self.transcript = self.transcript, transcript
            old.close()

    def board_is_up(self) -> None:
        """The board is known to run although its banner was never seen: the next banner is a reset."""
        with self._lock:
            self._scanner.stage = max(self._scanner.stage, UBOOT)

    def watch(self, rule: AlarmRule) -> None:
        """Arm one more alarm from now on, such as a boot command that comes back."""
        with self._lock:
            self._scanner.add(rule)


def _pattern(item: Pattern | bytes | str) -> Pattern:
    if isinstance(item, Pattern):
        return item
    return Pattern(item if isinstance(item, str) else item.decode(errors="replace"), item)


__all__ = ["Console", "ConsoleError", "Machine", "Subscriber"]
