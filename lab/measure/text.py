"""Console bytes as plain text, incrementally: no escape sequences, no control characters.

A console is not a text file. U-Boot counts down with backspaces, a menu places every row with the cursor,
and noise on the line may open an escape sequence that never ends. What comes out here is a list of tokens:
NEWLINE (the line ends, or the cursor went somewhere else), ERASE (one character back) and printable text.
Split at any byte, the joined tokens are the same. (ECMA-48 for the sequences, DEC VT100 for the
line-drawing set.)
"""

import codecs
import re

NEWLINE = "\n"
ERASE = "\b"

# Bidirectional controls could make a log line read other than it is; C1 controls have no business here.
_PRINTABLE = r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+"
_RUN = re.compile(_PRINTABLE)
_SEQUENCE_LIMIT = 256  # characters: a longer sequence is noise, not a terminal
_CURSOR_MOVES = frozenset("ABEFHJdf")  # final bytes after which text stands on another row
_STRING_INTRODUCERS = frozenset("]PX^_")  # OSC, DCS, SOS, PM, APC: end with BEL or ST
_DESIGNATORS = {"(": 0, ")": 1}
_DRAWING = str.maketrans(
    "`afgjklmnopqrstuvwxyz{|}~",
    "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·",
)


class ConsoleText:
    """Incremental decoder: `feed(bytes)` returns tokens. Holds at most one unfinished escape sequence."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._sequence: str | None = None  # text after ESC while inside a sequence
        self._drawing = [False, False]  # whether G0 and G1 are the line-drawing set
        self._shifted = 0  # which of them is in use

    def feed(self, data: bytes) -> list[str]:
        """Return the tokens that `data` completes."""
        text = self._utf8.decode(data)
        tokens: list[str] = []
        at = 0
        while at < len(text):
            if self._sequence is None and (run := _RUN.match(text, at)):
                tokens.append(self._drawn(run.group()))
                at = run.end()
                continue
            token = self._step(text[at])
            if token:
                tokens.append(token)
            at += 1
        return tokens

    def _drawn(self, run: str) -> str:
        return run.translate(_DRAWING) if self._drawing[self._shifted] else run

    def _step(self, char: str) -> str:
        """Take one character that is a control or belongs to a sequence."""
        if char == "\x1b":
            # ESC \ ends a string; any other ESC abandons the sequence before it.
            self._sequence = ""
            return ""
        if char in "\r\n":
            # No real sequence holds a line end: give up on it, or noise would swallow the rest of the boot.
            self._sequence = None
            return NEWLINE
        if self._sequence is not None:
            return self._inside(char)
        if char == "\b":
            return ERASE
        if char in "\x0e\x0f":  # SO and SI
            self._shifted = int(char == "\x0e")
        return "\ufffd" if char >= "\u200e" else ""

    def _inside(self, char: str) -> str:
        """Take one character of an escape sequence; return NEWLINE where it moved the cursor elsewhere."""
        sequence = (self._sequence or "") + char
        self._sequence = sequence
        if char in "\x18\x1a" or len(sequence) > _SEQUENCE_LIMIT:
            self._sequence = None
        elif sequence[0] == "[":
            if len(sequence) > 1 and "\x40" <= char <= "\x7e":
                self._sequence = None
                return NEWLINE if char in _CURSOR_MOVES else ""
        elif sequence[0] in _STRING_INTRODUCERS:
            if char == "\x07":
                self._sequence = None
        elif not "\x20" <= char <= "\x2f":
            self._sequence = None
            if len(sequence) == 2 and sequence[0] in _DESIGNATORS:
                self._drawing[_DESIGNATORS[sequence[0]]] = char == "0"
        return ""
