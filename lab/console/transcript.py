"""The recording of a console: always on, to a file (asciicast v2) and to a bounded memory of recent bytes.

The file's header carries the wall time once (`timestamp`) and, under the extra key `bootlab`, the monotonic
instant that event times count from. Bytes that are not UTF-8 become U+FFFD in the file (asciicast is text);
the memory keeps them as they came. A code point cut in two by a read is put together again, at the time of
its last byte.

Lines are written at most `FLUSH_NS` after their bytes came: a crash loses no more than that, and the reader
does not pay for a file at every byte.
"""

import codecs
import json
import logging
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, TextIO

from lab.clock import now_ns
from lab.errors import InfrastructureError

log = logging.getLogger(__name__)

MEMORY_BYTES = 1 << 20
FLUSH_NS = 50_000_000


class Transcript:
    """Records what a console says and, with `record_input`, what is typed; without `path` in memory only.

    Called by the console's reader, except `input`, which the writer calls, and the `..._since` questions,
    which anybody may ask.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        title: str = "",
        record_input: bool = False,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.path = path
        self.start_ns = now_ns()
        self.failed: str | None = None  # why the file ended before its time, such as a full disk
        self._title = title
        self._record_input = record_input
        self._limit = memory_bytes
        self._memory: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._unwritten: deque[tuple[int, str, bytes]] = deque()
        self._written_ns = self.start_ns
        self._lock = threading.Lock()  # of the file: closed by one thread while the reader writes
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {kind: decoder(errors="replace") for kind in "oi"}
        self._file = self._open(path) if path is not None else None

    def _open(self, path: Path) -> TextIO:
        header: dict[str, Any] = {"version": 2, "width": 120, "height": 40, "timestamp": int(time.time())}
        if self._title:
            header["title"] = self._title
        header["bootlab"] = {"schema": 1, "monotonic_start_ns": self.start_ns}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("w", encoding="utf-8")
            file.write(json.dumps(header) + "\n")
            file.flush()
        except OSError as error:
            raise InfrastructureError(f"cannot record the console: {path}: {error.strerror}") from error
        return file

    def output(self, t_ns: int, data: bytes) -> None:
        """`data` came from the board at `t_ns`."""
        self._memory.append((t_ns, data))
        self._size += len(data)
        while self._size > self._limit and len(self._memory) > 1:
            self._size -= len(self._memory.popleft()[1])
        if self._file is not None:
            self._unwritten.append((t_ns, "o", data))
            if t_ns - self._written_ns > FLUSH_NS:
                self.flush()

    def input(self, t_ns: int, data: bytes) -> None:
        """`data` was typed at `t_ns`; recorded where asked for."""
        if self._record_input and self._file is not None:
            self._unwritten.append((t_ns, "i", data))

    def flush(self) -> None:
        """Write what came since the last time; the reader calls it whenever the console is silent, too."""
        self._written_ns = now_ns()
        with self._lock:
            lines = []
            while self._unwritten:
                t_ns, kind, data = self._unwritten.popleft()
                if text := self._decoders[kind].decode(data):
                    lines.append(self._line(t_ns, kind, text))
            self._write("".join(lines))

    def close(self) -> None:
        """Write the rest, half a code point included, and close the file; may be called twice."""
        self.flush()
        with self._lock:
            if rest := self._decoders["o"].decode(b"", final=True):
                self._write(self._line(now_ns(), "o", rest))
            if self._file is not None:
                file, self._file = self._file, None
                try:
                    file.close()
                except OSError as error:  # what a full disk did not take is tried again, and refused again
                    self.failed = self.failed or f"{self.path}: {error.strerror}"

    def _line(self, t_ns: int, kind: str, text: str) -> str:
        # json.dumps escapes U+0085 and U+2028, at which some readers of "one event a line" would cut
        seconds = max(t_ns - self.start_ns, 0) / 1e9
        return f"[{seconds:.6f}, {json.dumps(kind)}, {json.dumps(text)}]\n"

    def _write(self, text: str) -> None:
        if not text or self._file is None or self.failed is not None:
            return
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            self.failed = f"{self.path}: {error.strerror}"
            log.error("the recording of the console ends here: %s", self.failed)

    def chunks_since(self, t_ns: int) -> list[tuple[int, bytes]]:
        """The chunks that came at `t_ns` or later, with their stamps, as far as the memory goes."""
        return [chunk for chunk in self._memory.copy() if chunk[0] >= t_ns]

    def bytes_since(self, t_ns: int) -> bytes:
        """What came at `t_ns` or later, raw."""
        return b"".join(data for _, data in self.chunks_since(t_ns))

    def text_since(self, t_ns: int) -> str:
        """What came at `t_ns` or later, as text; what is not UTF-8 becomes U+FFFD."""
        return self.bytes_since(t_ns).decode(errors="replace")
