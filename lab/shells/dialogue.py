"""Commands and answers over a line editor on a console that may lie: what all shells share.

A command is typed in chunks that fit a UART's FIFO, and nothing is typed on before the echo of the last
chunk has come back unchanged; a line that came back different is abandoned with Ctrl-C and typed anew. Only
the sentinel (lab.shells.sentinel) says that a command has ended; a prompt is trusted at a line's start after
that. Whatever goes wrong ends in one of two states: in sync again, proven by a sentinel, or dead, for good.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import NoReturn

from lab.console.alarms import AlarmRaised
from lab.console.echo import ECHOED, Echo
from lab.console.expect import Expect, Match, Pattern
from lab.console.session import Console, Machine, Wait
from lab.errors import ConsoleError, ConsoleTimeout, StreamClosed, UsageError
from lab.shells.exchange import ENTER, MISMATCH, Exchange, Stage
from lab.shells.sentinel import GUARD, Answer, Sentinel, status_of

CTRL_C = b"\x03"
TRIES = 5
_LOOK = 0.5  # seconds between two looks at a command that has not ended
_NEWLINE = Pattern("newline", rb"\n")
_SETTLE = 0.02  # seconds after a prompt in which a second answer would come, had Enter arrived twice
_STAMP = rb"(\[ {0,8}\d{1,8}\.\d{1,9}\] ?)?"  # printed before every line by some builds and terminal servers
_STAMPS = re.compile(r"^\[ {0,8}\d{1,8}\.\d{1,9}\] ?", re.MULTILINE)


@dataclass
class Counters:
    """What a dialogue had to do beyond typing; any figure but `commands` tells of a bad line."""

    commands: int = 0
    retyped: int = 0  # lines typed again because their echo differed
    resyncs: int = 0  # times that synchronisation was lost and proven again


class _Line(Enum):
    """What is known of the line we would type on."""

    COMING = auto()  # a command has ended, its prompt is on its way
    EMPTY = auto()  # the prompt was seen and nothing was typed
    DIRTY = auto()  # anything may be on it


class _NotTaken(Exception):
    """The line did not arrive as it was typed; it was not run."""


class Dialogue:
    """One shell's side of a console. `limit` is the longest line in bytes that the other side takes;
    `interrupt_mark` what it prints when Ctrl-C abandons a line, as opposed to a running command.

    `echo_timeout` (seconds) is how long an echo may take, `resync_timeout` how long a lost shell is tried
    before it is declared dead.
    """

    def __init__(
        self,
        console: Console,
        prompt: str,
        *,
        chunk: int,
        limit: int,
        interrupt_mark: bytes | None = None,
        echo_timeout: float = 3.0,
        resync_timeout: float = 10.0,
    ) -> None:
        self.console = console
        self.counters = Counters()
        self.echo_timeout = echo_timeout
        self.resync_timeout = resync_timeout
        literal = re.escape(prompt.encode())
        self.prompt = Pattern(f"prompt {prompt!r}", rb"^" + _STAMP + literal)
        self._bare = re.compile(rb"(?:\A|\n)" + _STAMP + rb"(?:" + literal + rb"|> )\Z")
        self._mark = interrupt_mark
        self._chunk = chunk
        self._limit = limit
        self._line = _Line.DIRTY
        self._stamped = False
        self._dead: str | None = None
        self.hint = ""  # what was odd when synchronisation was last tried

    # -- one command --------------------------------------------------------------------------------------

    def run(self, command: str, timeout: float) -> tuple[int, str]:
        """Run `command`; return its status and what it printed: no escape sequences, CR or last newline.

        Raises UsageError before anything is typed, ConsoleTimeout (and is in sync again) or ConsoleError.
        """
        sentinel = Sentinel.draw()
        line = self.wrap(command, sentinel.command)
        with self.alive():
            for attempt in range(TRIES):
                try:
                    answer = self._exchange(line, Answer(sentinel))
                    if answer is None:
                        answer = self._await_answer(command, sentinel, timeout)
                    return self._read(command, answer)
                except _NotTaken:
                    self._before_next(attempt)
            self._give_up(f"{command!r} could not be entered in {TRIES} attempts and was not run")

    def hand_over(self, command: str, tail: str) -> None:
        """Type `command` and `tail`, see that the line is taken, and wait for no answer."""
        line = self.wrap(command, tail)
        with self.alive():
            for attempt in range(TRIES):
                try:
                    if self._exchange(line, Expect([_NEWLINE])) is None:
                        self._await_taken(command)
                    return
                except _NotTaken:
                    self._before_next(attempt)
            self._give_up(f"{command!r} could not be entered in {TRIES} attempts and was not run")

    def wrap(self, command: str, tail: str) -> bytes:
        """The line that runs `command`, then `tail`. Raises UsageError where it is too long."""
        line = f"{command if command.strip() else 'true'}; {tail}".encode()
        if len(line) > self._limit:
            size = len(command.encode())
            raise UsageError(
                f"the command {command[:40]!r}... has {size} bytes, and this shell takes "
                f"{self._limit - len(line) + size} in a line (CONFIG_SYS_CBSIZE less the sentinel): "
                "split it, e.g. into `setenv a ...` and `setenv b ...`, then `run a b`"
            )
        return line

    def _before_next(self, attempt: int) -> None:
        """Before the last attempt wait until the line is quiet: a busy board may still echo somebody's noise,
        prompts and all, of which each attempt took one for its own."""
        self.counters.retyped += 1
        if attempt == TRIES - 2:
            self.resync()

    def _exchange(self, line: bytes, answer: Machine) -> Match | None:
        """Type `line` at a fresh prompt, verify its echo, press Enter, wait a little for `answer`.

        None where the line was taken and the answer takes longer. Raises _NotTaken where the echo was not
        what was typed.
        """
        self.counters.commands += 1
        self._fresh_line()
        prompt = self.prompt if self._line is _Line.COMING else None
        self._line = _Line.DIRTY
        exchange = Exchange(line, self._chunk, prompt, answer)
        with self.console.waiting(exchange) as wait:
            match = self._follow(wait, exchange)
        if exchange.prompt is not None:
            self._stamped = exchange.prompt.groups[0] is not None
        if exchange.stage is not Stage.ANSWER or (match is not None and match.pattern == MISMATCH):
            raise _NotTaken
        if match is None:
            self.console.skip(exchange.offset)
            return None
        return replace(match, before=match.before[exchange.offset :])

    def _follow(self, wait: Wait, exchange: Exchange) -> Match | None:
        """Wait for as long as it gets on, and for _LOOK seconds after Enter."""
        fed, since = -1, self.console.now()
        while True:
            match = self.console.result(wait, _LOOK)
            now = self.console.now()
            if match is not None or exchange.stage is Stage.ANSWER:
                return match
            if exchange.fed != fed:
                fed, since = exchange.fed, now
            elif now - since >= self.echo_timeout:
                return None

    def type(self, text: bytes) -> bool:
        """Type `text` in chunks; False as soon as its echo is not what was typed."""
        console = self.console
        for at in range(0, len(text), self._chunk):
            piece = text[at : at + self._chunk]
            console.write(piece)
            try:
                if console.wait(Echo(piece), self.echo_timeout).pattern != ECHOED:
                    return False
            except ConsoleTimeout:
                return False
        return not console.pending()

    def _await_answer(self, command: str, sentinel: Sentinel, timeout: float) -> Match:
        start = self.console.now()
        before = None
        while True:
            left = start + timeout - self.console.now()
            try:
                return self.console.wait(Answer(sentinel), min(left, _LOOK))
            except ConsoleTimeout:
                said = self.console.pending()
            if b"\n" not in said and self.console.now() - start >= self.echo_timeout:
                self._reclaim_line(command)
            if left <= _LOOK:
                self._give_up(f"{command!r} did not end within {timeout:.3g} s", timed_out=True)
            if said == before and self._bare.search(said[-80:]) and self._line_is_ours():
                self._give_up(
                    f"{command!r} came back to the prompt without its sentinel: the shell refused the line "
                    f"(an open `if`, a stray `)` or `&`?), or the answer was damaged; it said {said[-80:]!r}"
                )
            before = said

    def _await_taken(self, command: str) -> None:
        try:
            self.console.expect("\n", self.echo_timeout)
        except ConsoleTimeout:
            self._reclaim_line(command)

    def _read(self, command: str, answer: Match) -> tuple[int, str]:
        self._line = _Line.COMING
        status = status_of(answer)
        if status is None or not answer.before.startswith(b"\n") or answer.before.endswith(GUARD):
            raise ConsoleError(
                f"console {self.console.name}: {command!r} ran, but its answer was damaged on the way: "
                f"{(answer.before + answer.data)[-80:]!r}; in sync"
            )
        output = answer.before[1:].decode(errors="replace")
        if self._stamped:
            output = _STAMPS.sub("", output)
        return status, output.removesuffix("\n")

    # -- the line under our hands ---------------------------------------------------------------------------

    def _fresh_line(self) -> None:
        """Make sure that we are at an empty line behind a prompt, or that the prompt is on its way."""
        if self._line is _Line.EMPTY and self.console.pending():
            self._line = _Line.DIRTY  # somebody else's text, or a stray character that is now on the line
        if self._line is _Line.DIRTY and not self._abandon_line():
            self.resync()

    def _see_prompt(self) -> Match | None:
        """The next prompt, after which the line is empty; None where none comes."""
        try:
            match = self.console.expect(self.prompt, self.echo_timeout)
        except ConsoleTimeout:
            self._line = _Line.DIRTY
            return None
        self._stamped = match.groups[0] is not None
        self._line = _Line.EMPTY
        return match

    def _abandon_line(self) -> Match | None:
        """Ctrl-C, and the prompt after it."""
        self.console.drain()
        self.console.write(CTRL_C)
        return self._see_prompt()

    def _reclaim_line(self, command: str) -> NoReturn:
        """Enter has no echo. Was it lost, or only its echo? What Ctrl-C prints tells.

        Typing Enter again instead might repeat the command: that is what U-Boot does on an empty line.
        """
        prompt = self._abandon_line()
        if prompt is not None and self._mark is not None and prompt.before == self._mark + b"\n":
            raise _NotTaken
        self._give_up(f"Enter after {command!r} had no echo; whether it ran cannot be told")

    def _line_is_ours(self) -> bool:
        """Whether a line editor answers, and not merely a running command's output looks like a prompt."""
        probe = Sentinel.draw().command.encode()
        self.console.write(probe[: self._chunk])
        try:
            literal = Pattern("echo", re.escape(probe[: self._chunk]))
            self.console.wait(Expect([literal]), self.echo_timeout)
        except ConsoleTimeout:
            return False
        return True

    # -- in sync, or dead -----------------------------------------------------------------------------------

    def resync(self) -> None:
        """Ctrl-C and a sentinel's round trip, until it answers. Raises ConsoleError and is dead otherwise."""
        deadline = self.console.now() + self.resync_timeout
        while self.console.now() < deadline:
            if self.prove():
                self.counters.resyncs += 1
                return
        self.die(f"no sentinel was answered in {self.resync_timeout:.3g} s {self.hint}".rstrip())
        self._raise_dead()

    def prove(self) -> bool:
        """One attempt to be in sync: Ctrl-C, a sentinel typed and answered, a prompt, and then silence."""
        self.hint = ""
        if self._abandon_line() is None:
            self.console.drain()
        sentinel = Sentinel.draw()
        if not self.type(sentinel.command.encode()):
            return False
        self.console.write(ENTER)
        try:
            answer = self.console.wait(Answer(sentinel), self.echo_timeout)
        except ConsoleTimeout:
            return False
        if status_of(answer) is None:
            return False
        if self._see_prompt() is None:
            self.hint = (
                f"(a shell answers, but its prompt is not the one expected: {self.console.pending()!r})"
            )
            return False
        try:
            self.console.wait(Answer(sentinel), _SETTLE)
        except ConsoleTimeout:
            return not self.console.pending()
        self.hint = "(every Enter arrives twice: switch off the translation of LF to CR LF on the way)"
        return False

    def _give_up(self, reason: str, timed_out: bool = False) -> NoReturn:
        """Get in sync again and raise what happened."""
        try:
            self.resync()
        except ConsoleError as error:
            raise ConsoleError(f"{reason}; {error}") from error
        message = f"console {self.console.name}: {reason}; resynchronised"
        raise ConsoleTimeout(message) if timed_out else ConsoleError(message)

    def die(self, reason: str) -> None:
        """No command will be taken any more; the first reason stays."""
        self._dead = self._dead or reason

    def _raise_dead(self) -> NoReturn:
        raise ConsoleError(
            f"console {self.console.name} is declared dead: {self._dead}; "
            "power-cycle the board and begin with a new shell"
        )

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Inside, an alarm (a reset under our hands, a panic) or the end of the stream means death."""
        if self._dead is not None:
            self._raise_dead()
        try:
            yield
        except (AlarmRaised, StreamClosed) as error:
            self.die(str(error))
            raise
