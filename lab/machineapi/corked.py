"""One write for what belongs together: what is written in one turn of the event loop leaves in one piece.

grpclib writes a call's header, message and trailer one by one: with TLS each is a record, a system call and
a wake-up of the other side.
"""

import asyncio
from typing import Any

_MOST = 65536  # bytes kept back


class Corked(asyncio.Transport):
    """Another transport, whose writes are gathered until the event loop's next turn."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._waiting = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See WriteTransport."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting += data
        if len(self._waiting) > _MOST:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            waiting, self._waiting = self._waiting, bytearray()
            self._transport.write(waiting)

    def close(self) -> None:
        """See BaseTransport."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """See WriteTransport; what waits is lost."""
        self._waiting.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """See BaseTransport."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See BaseTransport."""
        return self._transport.get_extra_info(name, default)
