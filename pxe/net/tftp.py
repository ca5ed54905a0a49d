"""The TFTP server: one thread, one epoll loop, one connected socket for each transfer.

What is on the wire is `pxe.wire`'s business; this file moves datagrams and time. Requests are refused from
the listener's own port with the address they hit as source, which costs no file descriptor: so a server
that has none left still answers.
"""

import contextlib
import logging
import os
import select
import socket
from collections.abc import Callable
from ipaddress import IPv4Address
from time import monotonic, monotonic_ns
from typing import Final

from pxe.errors import RefusalReason, RequestRefused, ServiceError, WireError
from pxe.events import Event, PacketMalformed, TransferRefused
from pxe.net import udp
from pxe.net.packets import PacketCache, as_netascii, is_exhausted, open_resource
from pxe.net.tftp_session import Session, answer_stranger, format_peer
from pxe.net.udp import bind_tftp
from pxe.plan import Resource
from pxe.wire import tftp
from pxe.wire.transfer import Outcome

__all__ = ["Resolve", "TftpServer", "bind_tftp"]

logger = logging.getLogger(__name__)

Resolve = Callable[[str, IPv4Address], Resource]
MAX_TRANSFERS: Final = 4096
TICK: Final = 0.05  # seconds between looks at the retransmission timers
EVENTS_A_ROUND: Final = 256
REQUESTS_A_ROUND: Final = 32  # then running transfers get their turn
REPEAT_AFTER: Final = 5.0  # seconds of silence after which the same request is a new one: a board was reset
_CODES: Final = {
    RefusalReason.NOT_FOUND: tftp.ErrorCode.NOT_FOUND,
    RefusalReason.FORBIDDEN: tftp.ErrorCode.ACCESS,
    RefusalReason.UNSUPPORTED: tftp.ErrorCode.ILLEGAL,
    RefusalReason.BUSY: tftp.ErrorCode.UNDEFINED,  # U-Boot starts over after 0, which is what we want
}


class TftpServer:
    """Serves what `resolve` finds to whoever asks on `sock` (from `bind_tftp`), and owns that socket.

    `resolve` and `emit` are called in the thread of `serve` and must be quick.
    """

    def __init__(
        self,
        sock: socket.socket,
        resolve: Resolve,
        emit: Callable[[Event], None],
        *,
        max_transfers: int = MAX_TRANSFERS,
        cache: PacketCache | None = None,
    ) -> None:
        self._listener = sock
        self._resolve = resolve
        self._emit = emit
        self._max_transfers = max_transfers
        self._cache = cache or PacketCache()
        self._sessions: dict[int, Session] = {}  # by fd
        self._by_peer: dict[udp.Address, Session] = {}
        self._guards: dict[int, socket.socket] = {}  # by fd
        self._serial = 0
        self._stopping = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll = select.epoll()
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        self._epoll.register(self._wake, select.EPOLLIN)
        udp.raise_fd_limit(2 * max_transfers + 64)

    @property
    def address(self) -> udp.Address:
        """Where the server listens."""
        host, port = self._listener.getsockname()
        return host, port

    def stop(self) -> None:
        """Make `serve` return; from any thread or signal handler, any number of times."""
        self._stopping = True
        with contextlib.suppress(OSError):  # closed: serve has returned already
            os.eventfd_write(self._wake, 1)

    def serve(self) -> None:
        """Serve until `stop`; then tell the clients still at it, and close everything."""
        try:
            self._loop()
        finally:
            now = monotonic()
            for session in list(self._sessions.values()):
                session.abort("the server is being stopped")
                self._finish(session, now)
            self._epoll.close()
            self._listener.close()
            os.close(self._wake)

    def _loop(self) -> None:
        sessions = self._sessions
        poll = self._epoll.poll
        next_tick = 0.0
        while not self._stopping:
            ready = poll(TICK if sessions else -1, EVENTS_A_ROUND)
            now = monotonic()
            for fd, _ in ready:
                session = sessions.get(fd)
                if session is None:
                    self._on_other(fd, now)
                else:
                    try:
                        session.on_readable(now)
                    except WireError as exc:
                        self._malformed(session.peer, str(exc))
                    except Exception:  # the last fence: one transfer never stops the others
                        logger.exception("transfer %s: a bug; the server goes on", session.ident)
                        session.abort("internal error, see the server's log")
                    if session.transfer.outcome is not None:
                        self._finish(session, now)
            if now >= next_tick:
                next_tick = now + TICK
                self._handle_timers(now)

    def _on_other(self, fd: int, now: float) -> None:
        if fd == self._listener.fileno():
            self._on_requests(now)
        elif fd in self._guards:
            found = answer_stranger(self._guards[fd])
            if found is not None:
                self._malformed(found[0], "a datagram to the port of another client's transfer")

    def _handle_timers(self, now: float) -> None:
        for session in list(self._sessions.values()):
            timer = session.transfer.get_timer()
            if timer is not None and timer <= now:
                session.transfer.handle_timer(now)
                session.pump(now)
                if session.transfer.outcome is not None:
                    self._finish(session, now)

    def _on_requests(self, now: float) -> None:
        for _ in range(REQUESTS_A_ROUND):
            datagram = udp.receive(self._listener, tftp.MAX_REQUEST + 1)
            if datagram is None:
                return
            t_ns = monotonic_ns()
            try:
                self._on_request(datagram, now, t_ns)
            except Exception:  # the last fence: one request never stops the server
                logger.exception("request of %s: a bug; the server goes on", format_peer(datagram.peer))
                self._refuse_with(datagram, tftp.ErrorCode.UNDEFINED, "internal error, see the server's log")

    def _on_request(self, datagram: udp.Datagram, now: float, t_ns: int) -> None:
        try:
            message = tftp.decode(datagram.data)
        except WireError as exc:
            self._malformed(datagram.peer, str(exc))
            if datagram.data[:2] in (b"\0\1", b"\0\2"):
                self._refuse_with(datagram, tftp.ErrorCode.ILLEGAL, f"malformed request: {exc}")
            return
        match message:
            case tftp.ReadRequest():
                self._on_read_request(datagram, message, now, t_ns)
            case tftp.WriteRequest(filename=name):
                self._refuse(datagram, name, RefusalReason.FORBIDDEN, "upload is off", t_ns)
            case _:
                self._malformed(datagram.peer, f"{type(message).__name__} at the port for requests")
                if not isinstance(message, tftp.Error):
                    self._refuse_with(datagram, tftp.ErrorCode.ILLEGAL, "this port takes read requests only")

    def _on_read_request(
        self, datagram: udp.Datagram, message: tftp.ReadRequest, now: float, t_ns: int
    ) -> None:
        earlier = self._by_peer.get(datagram.peer)
        if earlier is not None:
            silent = now - earlier.transfer.progress_at
            if earlier.request == datagram.data and silent < REPEAT_AFTER:
                return  # a repeated datagram; what it asks for is on its way
            # No ERROR to it: the client is at the same port and would take it for the answer to this request.
            earlier.transfer.end(Outcome.ABORTED, "the client asked anew")
            self._finish(earlier, now)
        try:
            session = self._open(datagram, message, now)
        except RequestRefused as exc:
            self._refuse(datagram, message.filename, exc.reason, str(exc), t_ns)
            return
        except ServiceError as exc:
            self._refuse(datagram, message.filename, RefusalReason.BUSY, str(exc), t_ns)
            return
        self._sessions[session.sock.fileno()] = session
        self._by_peer[session.peer] = session
        if session.guard is not None:
            self._guards[session.guard.fileno()] = session.guard
        self._emit(session.started(t_ns))
        session.pump(now)
        if session.transfer.outcome is not None:
            self._finish(session, now)

    def _open(self, datagram: udp.Datagram, message: tftp.ReadRequest, now: float) -> Session:
        if message.mode not in ("octet", "netascii"):
            raise RequestRefused(RefusalReason.UNSUPPORTED, "only modes octet and netascii are served")
        resource = self._resolve(message.filename, IPv4Address(datagram.peer[0]))
        reader = open_resource(resource)
        if message.mode == "netascii":
            reader = as_netascii(reader)
        if len(self._sessions) >= self._max_transfers:
            raise RequestRefused(
                RefusalReason.BUSY, f"busy: {self._max_transfers} transfers are running; try again"
            )
        self._serial += 1
        session = None
        try:
            session = Session(f"tftp-{self._serial}", datagram, message, reader, self._cache, now)
            session.mac = resource.mac
            self._epoll.register(session.sock.fileno(), select.EPOLLIN)
            if session.guard is not None:
                self._epoll.register(session.guard.fileno(), select.EPOLLIN)
        except OSError as exc:
            if session is not None:
                session.close()
            if is_exhausted(exc):
                raise RequestRefused(
                    RefusalReason.BUSY,
                    "busy: no file descriptor is left for one more transfer; raise `ulimit -n` of the server",
                ) from exc
            raise ServiceError(f"no socket towards the client: {exc.strerror}") from exc
        return session

    def _finish(self, session: Session, now: float) -> None:
        self._sessions.pop(session.sock.fileno(), None)
        if self._by_peer.get(session.peer) is session:
            del self._by_peer[session.peer]
        # Explicitly: where a child of ours was forked, it holds copies, and close alone would leave them in.
        with contextlib.suppress(OSError):
            self._epoll.unregister(session.sock.fileno())
        if session.guard is not None:
            self._guards.pop(session.guard.fileno(), None)
            with contextlib.suppress(OSError):
                self._epoll.unregister(session.guard.fileno())
        session.close()
        self._emit(session.ended(monotonic_ns(), now))

    def _malformed(self, peer: udp.Address, reason: str) -> None:
        self._emit(
            PacketMalformed(t_ns=monotonic_ns(), protocol="tftp", peer=format_peer(peer), reason=reason)
        )

    def _refuse(self, datagram: udp.Datagram, name: str, reason: RefusalReason, text: str, t_ns: int) -> None:
        self._refuse_with(datagram, _CODES[reason], text)
        self._emit(
            TransferRefused(
                t_ns=t_ns,
                protocol="tftp",
                peer=format_peer(datagram.peer),
                name=tftp.printable(name),
                reason=text,
            )
        )

    def _refuse_with(self, datagram: udp.Datagram, code: tftp.ErrorCode, text: str) -> None:
        error = tftp.encode(tftp.Error(code, tftp.printable(text)))
        udp.answer(self._listener, error, datagram)
