"""Messages between the lab and the sandbox's init: one JSON object each, with file descriptors beside it.

SOCK_SEQPACKET keeps message boundaries and still reports the end of the other side, which is what the whole
clean-up rests on.
"""

import errno
import json
import os
import socket
from typing import Any

from lab.errors import SandboxError

LIMIT = 1 << 20  # bytes of one message: argv and environment are the large ones
_MAX_FDS = 8

Message = dict[str, Any]


class Channel:
    """One end of the control socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        # Doubled by the kernel and clamped to net.core.wmem_max; enough for any sensible environment.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LIMIT)

    def send(self, message: Message, fds: list[int] | None = None) -> None:
        """Send `message`. Raises SandboxError where it is too large or the other side is gone."""
        data = json.dumps(message).encode()
        try:
            socket.send_fds(self.sock, [data], fds or [], socket.MSG_NOSIGNAL)
        except OSError as exc:
            if exc.errno == errno.EMSGSIZE:
                raise SandboxError(
                    f"the command line and environment ({len(data)} bytes) are too large for the sandbox; "
                    "pass a smaller env="
                ) from exc
            raise SandboxError(f"the sandbox is gone ({exc.strerror})") from exc

    def receive(self) -> tuple[Message, list[int]] | None:
        """Return the next message and its descriptors (close-on-exec); None once the other side is gone."""
        try:
            data, fds, _flags, _peer = socket.recv_fds(self.sock, LIMIT, _MAX_FDS)
        except ConnectionError:
            return None
        if not data:
            return None
        for fd in fds:
            os.set_inheritable(fd, False)
        return json.loads(data), fds
