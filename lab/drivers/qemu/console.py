"""The serial console of an emulated board: a pty that every power-on makes anew, as one lasting stream."""

import contextlib
import threading
import time
from typing import Any

from lab.drivers.context import DriverContext
from lab.drivers.stream.serial import SerialStream
from lab.errors import ConfigError, StreamClosed


class QemuConsole:
    """A ByteStream that outlives the power: silent while the board is off, there again when it is on.

    The power switch attaches each new pty before the first instruction runs, so bytes wait for the reader
    and none is lost. A board whose console nobody reads stands still once the pty is full (some KiB).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._changed = threading.Condition()
        self._stream: SerialStream | None = None
        self._closed = False

    @classmethod
    def for_place(cls, options: dict[str, Any], context: DriverContext) -> "QemuConsole":
        """Return the console of the place's emulated board. Raises ConfigError where its power is another."""
        console = getattr(context.power, "console", None)
        if options or not isinstance(console, cls):
            raise ConfigError(
                [f"place {context.place.name}: the console `qemu` wants the power `qemu`, and no options"]
            )
        return console

    def open(self) -> None:
        """Take part (again); a board that is on keeps the pty it has."""
        with self._changed:
            self._closed = False

    def close(self) -> None:
        """Stop taking part: a reader that waits gets StreamClosed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def attach(self, pty: str) -> None:
        """The power comes on: speak to this pty from now on."""
        stream = SerialStream(pty)
        stream.open()
        with self._changed:
            old, self._stream = self._stream, stream
            self._changed.notify_all()
        if old is not None:
            old.close()

    def read(self, timeout: float) -> bytes:
        """Return what has come; b"" after `timeout` seconds of silence or of no power."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._changed.wait_for(lambda: self._stream is not None or self._closed, timeout)
            if self._closed:
                raise StreamClosed(f"{self.name}: the console was closed")
            stream = self._stream
        if stream is None:
            return b""
        try:
            return stream.read(max(0.0, deadline - time.monotonic()))
        except StreamClosed:
            self._drop(stream)
            return b""

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises StreamClosed while the board is off."""
        stream = self._stream
        if stream is None:
            raise StreamClosed(f"{self.name}: the board is off, nobody is at the other end")
        stream.write(data)

    def _drop(self, stream: SerialStream) -> None:
        """QEMU is gone and its pty with it; forget it, unless the next one is attached already."""
        with self._changed:
            if self._stream is stream:
                self._stream = None
        stream.close()
        with contextlib.suppress(StreamClosed):
            stream.read(0)  # a closed stream frees its wake-up pipe in the reader's thread, which is ours
