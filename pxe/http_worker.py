"""gunicorn's threaded worker, with four changes to how connections are looked after:

- Boot scripts and the like, a few kilobytes made in memory, are answered by the loop itself. Handing such a
  request to a thread and its connection back costs more than the answer: two wake-ups each way, and the
  interpreter lock four times. Whatever may take long (files, configs, the API) still gets a thread.
- A connection that has not said anything yet waits in the loop and costs no thread.
- Closing never waits. gunicorn's own lingers up to two seconds for the client's FIN, in the loop: one client
  that does not close would hold up all others.
- The operator's listener may speak TLS while the machines' does not.

docs/adr/0007-scripts-in-the-loop.md has the figures.
"""

import contextlib
import errno
import fcntl
import selectors
import socket
import ssl
import struct
import termios
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from pxe.web import quick

_HEAD = 4096  # bytes; firmware sends some hundred
_ACCEPTS = 32  # connections taken at once before others have their turn
_LINGER_SECONDS = 2.0
_HANDSHAKE_SECONDS = 10.0
_TLS_HANDSHAKE = b"\x16"  # RFC 8446 section 5.1: the first byte that a client of TLS sends
_DRAIN = 65536


class TlsConn(TConn):  # type: ignore[misc] # gunicorn has no types
    """A connection of the one listener that speaks TLS; gunicorn's own settings are for all or none."""

    sock: Any

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any, tls: ssl.SSLContext) -> None:
        super().__init__(cfg, sock, client, server)
        self._tls = tls

    def init(self) -> None:
        """Shake hands, in a thread: a client may take its time. Raises StopIteration where it cannot."""
        if not self.initialized:
            self.sock.settimeout(_HANDSHAKE_SECONDS)
            try:
                if self.sock.recv(1, socket.MSG_PEEK) != _TLS_HANDSHAKE:
                    _say_it_is_https(self.sock)
                    raise StopIteration
                self.sock = self._tls.wrap_socket(self.sock, server_side=True)
            except OSError:
                raise StopIteration from None
        super().init()


def _say_it_is_https(sock: socket.socket) -> None:
    text = b'{"error": "this is https; write the URL so"}\n'
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with contextlib.suppress(OSError):
        sock.sendall(head + b"Content-Length: %d\r\n\r\n" % len(text) + text)


class LoopWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """A threaded worker whose application gives its loop with `quick(...)` what that may answer itself."""

    def init_process(self) -> None:
        """Runs in the new process, until it ends."""
        self._lingering: deque[tuple[float, socket.socket]] = deque()
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Take the connections that are there."""
        for _ in range(_ACCEPTS):
            try:
                sock, address = listener.accept()
            except BlockingIOError:
                return
            except OSError as exc:
                if exc.errno == errno.ECONNABORTED:
                    continue
                raise
            self.nr_conns += 1
            tls = self.wsgi.tls_of(sock)
            if tls is None:
                self._read(TConn(self.cfg, sock, address, listener.getsockname()))
            else:
                self._read(TlsConn(self.cfg, sock, address, listener.getsockname(), tls))

    def on_pending_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """A new connection has said something."""
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        self._read(conn)

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """A connection that was kept alive has said something."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._read(conn)

    def _read(self, conn: Any) -> None:
        if isinstance(conn.sock, ssl.SSLSocket):  # one cannot look into it and leave it as it was
            conn.data_ready = True
            self.enqueue_req(conn)
            return
        try:
            head = conn.sock.recv(_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            conn.sock.setblocking(False)
            conn.timeout = time.monotonic() + self.cfg.keepalive
            self.pending_conns.append(conn)
            self.poller.register(
                conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn)
            )
            return
        except OSError:
            head = b""
        if not head:  # it left without a word
            self._close(conn.sock)
            return
        if not self._answer(conn, head):
            conn.data_ready = True  # gunicorn would wait for it once more
            self.enqueue_req(conn)

    def _answer(self, conn: Any, head: bytes) -> bool:
        """Answer a script; False where a thread must, because reading or sending might make the loop wait."""
        get = quick.parse(head)
        sock = conn.sock
        # There is room as long as the client has taken all earlier answers
        if get is None or (conn.timeout is not None and _unsent(sock)):
            return False
        script = self.wsgi.quick(get.target, conn.client, sock)
        if script is None:
            return False
        keep = get.keep and self.alive and len(self.keepalived_conns) < self.max_keepalived
        answer = quick.response(script, get.version, keep)
        sent = _exchanged(sock, len(head), answer, keep)
        if sent < len(answer):
            script.ended(max(0, sent - len(answer) + len(script.data)), "aborted", "the client left")
            self._close(sock)
            return True
        script.ended(len(script.data), "complete", "")
        if keep:
            conn.set_timeout()
            self.keepalived_conns.append(conn)
            self.poller.register(sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))
        else:
            self._linger(sock)
        return True

    def finish_request(self, conn: Any, done: "Future[Any]") -> None:
        """The answer is sent: keep the connection, or close it without waiting for the other side."""
        if self.wsgi.take(conn.sock):  # a stream of events: its thread looks after the connection
            self.nr_conns -= 1
            return
        if not done.cancelled() and done.exception() is None and not done.result():
            self._linger(conn.sock)
            return
        super().finish_request(conn, done)

    def _linger(self, sock: socket.socket) -> None:
        """Send FIN, and close once the client has done so: RFC 9112 section 9.6. A close at once would reset
        the connection where the client had sent more, and cut off the end of our answer."""
        try:
            sock.setblocking(False)
            sock.shutdown(socket.SHUT_WR)
            if sock.recv(_DRAIN) == b"":
                self._close(sock)
                return
        except BlockingIOError:
            pass
        except OSError:
            self._close(sock)
            return
        self._lingering.append((time.monotonic() + _LINGER_SECONDS, sock))
        self.poller.register(sock, selectors.EVENT_READ, self._on_lingering_readable)

    def _on_lingering_readable(self, sock: socket.socket) -> None:
        try:
            if sock.recv(_DRAIN):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._let_go(sock)

    def _let_go(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0:
            self.poller.unregister(sock)
            self._close(sock)

    def _close(self, sock: socket.socket) -> None:
        self.nr_conns -= 1
        sock.close()

    def murder_pending(self) -> None:
        """Close what has waited too long: to say anything, or to close."""
        super().murder_pending()
        now = time.monotonic()
        while self._lingering and (self._lingering[0][0] < now or self._lingering[0][1].fileno() < 0):
            self._let_go(self._lingering.popleft()[1])


def _exchanged(sock: socket.socket, asked: int, answer: bytes, keep: bool) -> int:
    """Take the request off the socket and send its answer; return how many bytes of it the kernel took.

    The FIN leaves in the answer's own segment: one more costs more than making the script does.
    """
    try:
        sock.recv(asked)
        return sock.send(answer, socket.MSG_DONTWAIT | (0 if keep else socket.MSG_MORE))
    except OSError:
        return 0


def _unsent(sock: socket.socket) -> int:
    """Bytes that the other side has not acknowledged."""
    return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0])
