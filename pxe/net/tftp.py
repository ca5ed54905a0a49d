"""The TFTP server: one thread, one epoll loop, a port for each transfer (or one for all, see pxe.net.ports).

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

from pxe.errors import WireError
from pxe.events import Event, PacketMalformed, TransferRefused
from pxe.net import udp
from pxe.net.journal import Journal
from pxe.net.packets import PacketCache
from pxe.net.ports import AnyPort, ListenerPort, Ports
from pxe.net.tftp_open import Opener, Refusal, Resolve
from pxe.net.tftp_session import Session, answer_stranger, format_peer
from pxe.net.tftp_table import SessionTable
from pxe.net.udp import bind_tftp
from pxe.net.upload_folder import UploadFolder
from pxe.wire import tftp
from pxe.wire.transfer import Outcome

__all__ = ["Resolve", "TftpServer", "bind_tftp"]

logger = logging.getLogger(__name__)

MAX_TRANSFERS: Final = 4096
TICK: Final = 0.025  # seconds between looks at the retransmission timers
QUICK_TICK: Final = (
    0.005  # the same while transfers are few: on a bad cable a client waits for it at each block
)
FEW: Final = 32
EVENTS_A_ROUND: Final = 256
REQUESTS_A_ROUND: Final = 32  # then running transfers get their turn
SHARED_A_ROUND: Final = 256  # datagrams, where all transfers share the listener's port
REPEAT_AFTER: Final = 5.0  # seconds of silence after which the same request is a new one: a board was reset
SAME_FILE_AFTER: Final = 1.0  # seconds of silence after which the same file from another port replaces it


class TftpServer:
    """Serves what `resolve` finds to whoever asks on `sock` (from `bind_tftp`), and owns that socket.

    `resolve`, `emit` and `mac_of` are called in the thread of `serve` and must be quick. `ports` says where
    transfers run; `single_port` that all run on `sock` itself. With `uploads`, clients may write.
    """

    def __init__(
        self,
        sock: socket.socket,
        resolve: Resolve,
        emit: Callable[[Event], None],
        *,
        max_transfers: int = MAX_TRANSFERS,
        cache: PacketCache | None = None,
        ports: Ports | None = None,
        single_port: bool = False,
        uploads: UploadFolder | None = None,
        mac_of: Callable[[IPv4Address], str | None] = lambda _: None,
        rollover_to_1: tuple[str, ...] = (),
        journal: Journal | None = None,
    ) -> None:
        self._listener = sock
        self._emit = emit
        self._shared = single_port
        if single_port:
            ports = ListenerPort(sock)
        self._opener = Opener(
            resolve, mac_of, cache or PacketCache(), ports or AnyPort(), uploads, rollover_to_1
        )
        self._sessions = SessionTable(max_transfers)
        self._journal = journal or Journal()
        self._guards: dict[int, socket.socket] = {}  # by fd
        # A datagram is read whole where it may be a block of an upload.
        self._read_size = 0xFFFF if single_port and uploads is not None else tftp.MAX_REQUEST + 1
        self._stopping = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll = select.epoll()
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        self._epoll.register(self._wake, select.EPOLLIN)
        udp.raise_fd_limit((0 if single_port else 2 * max_transfers) + 64)

    @property
    def address(self) -> udp.Address:
        """Where the server listens."""
        host, port = self._listener.getsockname()
        return host, port

    def sent(self) -> dict[str, int]:
        """Bytes acknowledged of each transfer under way; from any thread."""
        return {session.ident: session.transfer.acknowledged for session in self._sessions}

    def stop(self) -> None:
        """Make `serve` return; from any thread or signal handler, any number of times."""
        self._stopping = True
        with contextlib.suppress(OSError):  # closed: serve has returned already
            os.eventfd_write(self._wake, 1)

    def serve(self) -> None:
        """Serve until `stop`; then tell the clients still at it, and close everything."""
        try:
            self._resume(monotonic())
            self._loop()
        finally:
            now = monotonic()
            for session in self._sessions:
                session.abort("the server is being stopped")
                self._finish(session, now)
            self._epoll.close()
            self._listener.close()
            os.close(self._wake)

    def _loop(self) -> None:
        by_fd, under_way = self._sessions.by_fd, self._sessions.by_peer
        poll = self._epoll.poll
        next_tick = 0.0
        while not self._stopping:
            tick = QUICK_TICK if len(under_way) <= FEW else TICK
            ready = poll(tick if under_way else -1, EVENTS_A_ROUND)
            now = monotonic()
            for fd, _ in ready:
                session = by_fd.get(fd)
                if session is None:
                    self._on_other(fd, now)
                    continue
                try:
                    session.on_readable(now)
                except Exception as exc:
                    self._on_exception(session, exc)
                if session.transfer.outcome is not None:
                    self._finish(session, now)
            if now >= next_tick:
                next_tick = now + tick
                self._handle_timers(now)

    def _resume(self, now: float) -> None:
        """Go on with the downloads of a worker that was killed."""
        for survivor in self._journal.take():
            try:
                session = self._opener.resume(survivor, now)
            except Refusal as exc:
                self._refuse(survivor.request, "a download under way", exc, monotonic_ns())
                continue
            logger.warning("transfer %s to %s goes on", session.name, format_peer(session.peer))
            self._begin(session, survivor.request, now, monotonic_ns())

    def _begin(self, session: Session, request: udp.Datagram, now: float, t_ns: int) -> None:
        self._sessions.add(session)
        self._watch(session)
        if not session.upload:
            port = session.port.sock.getsockname()[1] if session.port.sock is not None else 0
            session.slot = self._journal.begin(request, port)
        self._emit(session.started(t_ns))
        session.pump(now)
        if session.transfer.outcome is not None:
            self._finish(session, now)

    def _on_exception(self, session: Session, exc: Exception) -> None:
        if isinstance(exc, WireError):
            self._malformed(session.peer, str(exc))
        else:  # the last fence: one transfer never stops the others
            logger.error("transfer %s: a bug; the server goes on", session.ident, exc_info=exc)
            session.abort("internal error, see the server's log")

    def _on_other(self, fd: int, now: float) -> None:
        if fd == self._listener.fileno():
            self._on_datagrams(now)
        elif fd in self._guards:
            found = answer_stranger(self._guards[fd])
            if found is not None:
                self._malformed(found[0], "a datagram to the port of another client's transfer")

    def _handle_timers(self, now: float) -> None:
        for session in self._sessions:
            if session.slot is not None:
                self._journal.acknowledged(session.slot, session.transfer.block)
            timer = session.transfer.get_timer()
            if timer is not None and timer <= now:
                session.transfer.handle_timer(now)
                session.pump(now)
                if session.transfer.outcome is not None:
                    self._finish(session, now)

    def _on_datagrams(self, now: float) -> None:
        for _ in range(SHARED_A_ROUND if self._shared else REQUESTS_A_ROUND):
            datagram = udp.receive(self._listener, self._read_size)
            if datagram is None:
                return
            if self._shared and datagram.data[:2] not in (b"\0\1", b"\0\2"):
                self._on_shared(datagram, now)
                continue
            t_ns = monotonic_ns()
            try:
                self._on_request(datagram, now, t_ns)
            except Exception:  # the last fence: one request never stops the server
                logger.exception("request of %s: a bug; the server goes on", format_peer(datagram.peer))
                self._refuse_with(datagram, tftp.ErrorCode.UNDEFINED, "internal error, see the server's log")

    def _on_shared(self, datagram: udp.Datagram, now: float) -> None:
        """A datagram of a transfer at the port of all: its sender says whose it is."""
        session = self._sessions.by_peer.get(datagram.peer)
        if session is None:
            if self._sessions.was_here(datagram.peer):
                return
            self._malformed(datagram.peer, "a datagram of no transfer that we know")
            if datagram.data[:2] in (b"\0\3", b"\0\4"):
                self._refuse_with(datagram, tftp.ErrorCode.UNKNOWN_TID, "unknown transfer id")
            return
        try:
            session.deliver(datagram.data, now)
        except Exception as exc:
            self._on_exception(session, exc)
        if session.transfer.outcome is not None:
            self._finish(session, now)

    def _on_request(self, datagram: udp.Datagram, now: float, t_ns: int) -> None:
        try:
            message = tftp.decode(datagram.data)
        except WireError as exc:
            self._malformed(datagram.peer, str(exc))
            if datagram.data[:2] in (b"\0\1", b"\0\2"):
                self._refuse_with(datagram, tftp.ErrorCode.ILLEGAL, f"malformed request: {exc}")
            return
        if isinstance(message, tftp.ReadRequest | tftp.WriteRequest):
            self._on_file_request(datagram, message, now, t_ns)
            return
        self._malformed(datagram.peer, f"{type(message).__name__} at the port for requests")
        if not isinstance(message, tftp.Error):
            self._refuse_with(datagram, tftp.ErrorCode.ILLEGAL, "this port takes requests only")

    def _on_file_request(
        self, datagram: udp.Datagram, message: tftp.ReadRequest | tftp.WriteRequest, now: float, t_ns: int
    ) -> None:
        earlier = self._sessions.by_peer.get(datagram.peer)
        if earlier is not None:
            silent = now - earlier.transfer.progress_at
            again = earlier.request == datagram.data and not earlier.transfer.resumed
            if again and silent < REPEAT_AFTER:
                return  # a repeated datagram; what it asks for is on its way
            # No ERROR to it: the client is at the same port and would take it for the answer to this request.
            earlier.transfer.end(Outcome.ABORTED, "the client asked anew")
            self._finish(earlier, now)
        self._drop_forgotten(datagram.peer, tftp.printable(message.filename), now)
        try:
            self._make_room(now)
            session = self._opener.open(datagram, message, now)
        except Refusal as exc:
            self._refuse(datagram, message.filename, exc, t_ns)
            return
        self._begin(session, datagram, now, t_ns)

    def _drop_forgotten(self, peer: udp.Address, name: str, now: float) -> None:
        """The Raspberry Pi's boot ROM asks again from a new port and has forgotten the one before. (Several
        clients behind one address that load the same file at once all make progress.)"""
        older = self._sessions.same_file(peer, name)
        if older is not None and now - older.transfer.progress_at >= SAME_FILE_AFTER:
            older.transfer.end(Outcome.ABORTED, "the client asked anew from another port")
            self._finish(older, now)

    def _make_room(self, now: float) -> None:
        """Raises Refusal where as many transfers run as may, and all of them get on."""
        if len(self._sessions) < self._sessions.limit:
            return
        victim = self._sessions.victim(now)
        if victim is None:
            raise Refusal(
                tftp.ErrorCode.UNDEFINED, f"busy: {self._sessions.limit} transfers are running; try again"
            )
        what = "made no progress" if victim.transfer.answered else "never answered"
        victim.transfer.end(Outcome.STALLED, f"the client {what}; its place was needed for another")
        self._finish(victim, now)

    def _watch(self, session: Session) -> None:
        port = session.port
        if port.sock is not None:
            self._epoll.register(port.sock.fileno(), select.EPOLLIN)
        if port.guard is not None:
            self._epoll.register(port.guard.fileno(), select.EPOLLIN)
            self._guards[port.guard.fileno()] = port.guard

    def _finish(self, session: Session, now: float) -> None:
        self._sessions.remove(session)
        if session.slot is not None:
            self._journal.end(session.slot)
        # Explicitly: where a child of ours was forked, it holds copies, and close alone would leave them in.
        for sock in (session.port.sock, session.port.guard):
            if sock is not None:
                self._guards.pop(sock.fileno(), None)
                with contextlib.suppress(OSError):
                    self._epoll.unregister(sock.fileno())
        session.close()
        self._opener.learn(session)
        self._emit(session.ended(monotonic_ns(), now))

    def _malformed(self, peer: udp.Address, reason: str) -> None:
        self._emit(
            PacketMalformed(t_ns=monotonic_ns(), protocol="tftp", peer=format_peer(peer), reason=reason)
        )

    def _refuse(self, datagram: udp.Datagram, name: str, refusal: Refusal, t_ns: int) -> None:
        text = str(refusal)
        self._refuse_with(datagram, refusal.code, text)
        peer, shown = format_peer(datagram.peer), tftp.printable(name)
        self._emit(TransferRefused(t_ns=t_ns, protocol="tftp", peer=peer, name=shown, reason=text))

    def _refuse_with(self, datagram: udp.Datagram, code: tftp.ErrorCode, text: str) -> None:
        error = tftp.encode(tftp.Error(code, tftp.printable(text)))
        udp.answer(self._listener, error, datagram)
