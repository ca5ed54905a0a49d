"""One command typed and answered, as a machine that the console's reader drives by itself. Pure.

The prompt comes, the line is typed chunk by chunk, each chunk once the echo of the one before has come back
unchanged, then Enter, then the answer. The reader feeds what comes and sends what `take_output` gives, so the
thread that waits is woken once for the whole command and not once for every chunk.
"""

from enum import IntEnum

from lab.console.expect import Expect, Match, Pattern
from lab.console.session import Machine

MISMATCH = "mismatch"
ENTER = b"\n"  # never CR LF: U-Boot takes it for two, and an empty line repeats the last command


class Stage(IntEnum):
    """How far it has come."""

    PROMPT = 0  # waiting for it
    TYPING = 1
    ANSWER = 2  # Enter was pressed


class Exchange:
    """Types `line` in pieces of `chunk` bytes at `prompt` (None: it is there already), then feeds `answer`.

    Reports `mismatch` at the first byte that is not the echo of what was typed, else what `answer` reports.
    """

    def __init__(self, line: bytes, chunk: int, prompt: Pattern | None, answer: Machine) -> None:
        self.stage = Stage.PROMPT if prompt is not None else Stage.TYPING
        self.offset = 0  # bytes of the stream used up by the stages before this one
        self.fed = 0
        self.entered_ns = 0  # when Enter was pressed
        self.prompt: Match | None = None
        self._line = line
        self._chunk = chunk
        self._sent = 0  # bytes of the line
        self._echoed = 0
        self._expect = Expect([prompt]) if prompt is not None else None
        self._answer = answer
        self._output = b""
        if prompt is None:
            self._send_next(0)

    def take_output(self) -> bytes:
        """What is to be sent now."""
        output, self._output = self._output, b""
        return output

    def feed(self, t_ns: int, data: bytes) -> list[Match]:
        """The match that ends the exchange, once it is there."""
        self.fed += len(data)
        if self.stage is Stage.ANSWER:
            return [_shifted(match, self.offset) for match in self._answer.feed(t_ns, data)]
        if self.stage is Stage.PROMPT:
            return self._feed_prompt(t_ns, data)
        return self._feed_echo(t_ns, data)

    def _feed_prompt(self, t_ns: int, data: bytes) -> list[Match]:
        assert self._expect is not None
        found = self._expect.feed(t_ns, data)
        if not found:
            return []
        self.prompt = found[0]
        self.offset = self.prompt.end
        self.stage = Stage.TYPING
        if self.fed > self.offset:  # somebody else's text behind the prompt
            return self._mismatch(t_ns)
        self._send_next(t_ns)
        return []

    def _feed_echo(self, t_ns: int, data: bytes) -> list[Match]:
        if not data:
            return []
        wanted = self._line[self._echoed : self._sent]
        if not wanted.startswith(data):
            return self._mismatch(t_ns)
        self._echoed += len(data)
        self.offset += len(data)
        if self._echoed == self._sent:
            self._send_next(t_ns)
        return []

    def _send_next(self, t_ns: int) -> None:
        """The next piece of the line, or Enter behind the last one."""
        piece = self._line[self._sent : self._sent + self._chunk]
        self._sent += len(piece)
        self._output = piece or ENTER
        if not piece:
            self.stage = Stage.ANSWER
            self.entered_ns = t_ns

    def _mismatch(self, t_ns: int) -> list[Match]:
        return [Match(MISMATCH, t_ns, self.offset, self.fed, b"")]


def _shifted(match: Match, by: int) -> Match:
    """The same match with offsets that count from the beginning of the exchange."""
    return Match(match.pattern, match.t_ns, match.start + by, match.end + by, match.data, match.groups)
