"""Escape sequences and carriage returns out of a console's bytes; nothing else is touched.

Pure and incremental: any split of the input gives the same output. A stray ESC costs at most its own line,
because a newline ends every sequence (ECMA-48 forbids controls inside one).
"""

import re

_ESC = 0x1B
# CSI, then OSC and the other strings (ended by BEL or ESC \), then two- and three-byte sequences
_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}[@-~]"
    rb"|[\]P^_X][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)"
    rb"|[ -/]{0,4}[0-OQ-WYZ\\`-~])"
)
_BEGUN = re.compile(rb"\x1b(?:\[[0-?]{0,32}[ -/]{0,4}|[\]P^_X][^\x07\x1b\n]{0,256}\x1b?|[ -/]{0,4})\Z")


class Cleaner:
    """Bytes of a console in, the same without escape sequences and carriage returns out.

    Carriage returns go altogether: U-Boot ends lines with CR LF, drivers below it add a second CR, kernels
    begin lines with one. Backspace and BEL stay, they tell what a line editor did.
    """

    def __init__(self) -> None:
        self._begun = b""  # the beginning of a sequence, until its end has come

    def feed(self, data: bytes) -> bytes:
        """The clean bytes that `data` completes."""
        data = self._begun + data.replace(b"\r", b"")
        self._begun = b""
        at = data.find(_ESC)
        if at < 0:
            return data
        out = bytearray()
        start = 0
        while at >= 0:
            out += data[start:at]
            if sequence := _SEQUENCE.match(data, at):
                start = sequence.end()
            elif _BEGUN.match(data, at):
                self._begun = data[at:]
                return bytes(out)
            else:
                start = at + 1  # an ESC that begins nothing
            at = data.find(_ESC, start)
        out += data[start:]
        return bytes(out)
