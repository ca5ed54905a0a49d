"""Serial ports and everything pyserial can name by a URL; the only place that imports `serial`.

/dev/ttyUSB0  /dev/serial/by-id/...  /dev/pts/7      a port or a pty of this host
socket://host:port                                   raw TCP (ser2net, QEMU's -serial tcp:)
rfc2217://host:port                                  ser2net with telnet control
loop://                                              what is written comes back
"""

import contextlib
import threading
import time
from pathlib import Path

import serial

from lab.drivers.stream.descriptor import DescriptorReader
from lab.errors import InfrastructureError, StreamClosed

_RETRY_SECONDS = 0.2  # between two attempts to reopen a port that went away


class SerialStream:
    """A ByteStream over `serial.serial_for_url`.

    `reconnect_seconds` is how long the far end may stay away, e.g. a USB adapter that the board itself
    powers; 0 means that a port that vanished is closed for good.
    """

    def __init__(
        self, url: str, *, baudrate: int = 115200, reconnect_seconds: float = 0.0, name: str = ""
    ) -> None:
        self.name = name or url
        self.url = url
        self.baudrate = baudrate
        self.reconnect_seconds = reconnect_seconds
        self._port: serial.SerialBase | None = None
        self._reader: DescriptorReader | None = None  # where the port has a descriptor
        self._lost_at: float | None = None
        self._closed = threading.Event()
        self._closed.set()
        self._write_lock = threading.Lock()

    def open(self) -> None:
        """Open the port. Raises InfrastructureError, naming it and what the system said."""
        if not self._closed.is_set():
            return
        try:
            self._attach()
        except (serial.SerialException, OSError, ValueError) as error:
            reason = _reason(error)
            raise InfrastructureError(f"console {self.name}: cannot open {self.url}: {reason}") from error
        self._closed.clear()

    def _attach(self) -> None:
        port = serial.serial_for_url(self.url, do_not_open=True, baudrate=self.baudrate, timeout=0.1)
        if Path(self.url).exists():
            port.exclusive = True  # two readers would each get half of the bytes
        port.open()
        fd = _descriptor(port)
        self._reader = None if fd is None else DescriptorReader(fd)
        self._port = port

    def close(self) -> None:
        """Close the port, ending a read that waits in another thread; may be called twice."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._detach()

    def _detach(self) -> None:
        port, reader = self._port, self._reader
        self._port = self._reader = None
        if reader is not None:
            reader.close()
        if port is not None:
            with contextlib.suppress(serial.SerialException, OSError):  # it may be gone already
                port.close()

    def read(self, timeout: float) -> bytes:
        """As soon as anything has come; b"" after `timeout` seconds, or while a lost port is away."""
        if self._closed.is_set():
            raise StreamClosed(f"console {self.name} is closed")
        port, reader = self._port, self._reader
        if port is None:
            self._wait_for_return(timeout)
            return b""
        try:
            # pyserial own read costs four system calls and comes byte by byte: only without a descriptor
            data = _read_port(port, timeout) if reader is None else reader.read(timeout)
            if data == b"" and reader is not None:
                raise OSError("the other end hung up")
        except (serial.SerialException, OSError, TypeError, AttributeError) as error:
            # TypeError, AttributeError: what pyserial gives where another thread closes the port meanwhile
            self._lost(error)
            return b""
        self._lost_at = None
        return data or b""

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises StreamClosed where the port is gone."""
        with self._write_lock:
            port = self._port
            if port is None:
                raise StreamClosed(f"console {self.name}: nobody is at the other end")
            try:
                port.write(data)
            except (serial.SerialException, OSError) as error:
                raise StreamClosed(f"console {self.name}: cannot write: {_reason(error)}") from error

    def _lost(self, error: Exception) -> None:
        if self._closed.is_set():
            raise StreamClosed(f"console {self.name} is closed") from error
        self._detach()
        self._lost_at = self._lost_at or time.monotonic()
        if not self.reconnect_seconds:
            raise StreamClosed(f"console {self.name}: {self.url} went away: {_reason(error)}") from error

    def _wait_for_return(self, timeout: float) -> None:
        """Try once to reopen a port that went away, then let at most `timeout` seconds pass."""
        away = time.monotonic() - self._lost_at if self._lost_at is not None else self.reconnect_seconds
        try:
            self._attach()
        except (serial.SerialException, OSError) as error:
            if away >= self.reconnect_seconds:
                reason = _reason(error)
                message = f"console {self.name}: {self.url} is away for {away:.0f} s: {reason}"
                raise StreamClosed(message) from error
            self._closed.wait(min(timeout, _RETRY_SECONDS))


def _descriptor(port: serial.SerialBase) -> int | None:
    try:
        return int(port.fileno())
    except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
        return None


def _read_port(port: serial.SerialBase, timeout: float) -> bytes:
    if port.timeout != timeout:
        port.timeout = timeout
    first: bytes = port.read(1)
    return first + port.read(port.in_waiting) if first else b""  # type: ignore[attr-defined]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
