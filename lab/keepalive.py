"""TCP keepalive: a peer whose power went says nothing, and is noticed after about 20 seconds."""

import socket

# Silence of ten seconds, then probes; and what was sent and never acknowledged
_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
)


def keep_alive(connection: socket.socket) -> None:
    """Have the kernel end this connection once its peer is gone."""
    for level, option, value in _OPTIONS:
        connection.setsockopt(level, option, value)
