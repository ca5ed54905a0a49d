"""Reading a file descriptor that another thread may close meanwhile."""

import os
import select
import threading
import time

READ_SIZE = 65536
_SLICE = 0.1  # seconds after which a waiting read looks whether the stream was closed


class DescriptorReader:
    """`read` waits for bytes; `close` returns only when no read uses the descriptor any more, so its number
    cannot be taken by another file under a read that still waits.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._closed = False
        self._lock = threading.Lock()
        self._poll = select.poll()  # unlike select() it takes descriptors above 1023
        self._poll.register(fd, select.POLLIN)

    def read(self, timeout: float) -> bytes | None:
        """What has come; None after `timeout` seconds or once closed; b"" where the other end hung up.

        Raises OSError, such as EIO from a pty that nobody else has open.
        """
        with self._lock:
            deadline = time.monotonic() + timeout
            while not self._closed:
                left = deadline - time.monotonic()
                if self._poll.poll(max(0.0, min(left, _SLICE)) * 1000):
                    return os.read(self._fd, READ_SIZE)
                if left <= _SLICE:
                    return None
            return None

    def close(self) -> None:
        """End a read that waits and forbid further ones. The descriptor itself stays open."""
        self._closed = True
        with self._lock:
            pass
