"""How far the downloads over HTTP are that go on at this moment, asked of the kernel when somebody looks.

gunicorn sends a file by one call of sendfile: only the kernel knows how much of it has arrived. Nothing is
counted while nobody asks.
"""

import socket
import struct
from typing import Final

_LARGE: Final = 256 * 1024  # what is smaller is over before anybody looks
_TCP_INFO_BYTES: Final = 128
_ACKED_AT: Final = 120  # tcpi_bytes_acked of struct tcp_info, linux/tcp.h, since Linux 4.1
_read_u64 = struct.Struct("=Q").unpack_from


class Flows:
    """Downloads under way. Any thread may call any method."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[socket.socket, int, int]] = {}  # by transfer: bytes acked before, size

    def begin(self, transfer: str, sock: object, size: int) -> None:
        """`size` bytes are about to be sent over `sock`; small ones and strange sockets are not watched."""
        if size >= _LARGE and isinstance(sock, socket.socket):
            self._open[transfer] = (sock, _acked(sock), size)

    def end(self, transfer: str) -> None:
        """The transfer is over, or was never watched."""
        self._open.pop(transfer, None)

    def sent(self) -> dict[str, int]:
        """Bytes that each client has acknowledged; HTTP's head is among them."""
        return {
            transfer: min(max(_acked(sock) - before, 0), size)
            for transfer, (sock, before, size) in list(self._open.items())
        }


def _acked(sock: socket.socket) -> int:
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except OSError:  # closed meanwhile
        return 0
    return int(_read_u64(info, _ACKED_AT)[0]) if len(info) == _TCP_INFO_BYTES else 0
