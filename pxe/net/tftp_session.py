"""One TFTP transfer: drives a machine of `pxe.wire` over a port of `pxe.net.ports`; no rule is made here."""

import contextlib
import errno
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic_ns

from pxe.errors import PxeError, WireError
from pxe.events import TransferEnded, TransferStarted
from pxe.net import udp
from pxe.net.packets import HEADER, PacketCache, Packets, Reader
from pxe.net.ports import READ_SIZE, Port, Send
from pxe.net.upload_folder import Incoming, NetasciiDecoder, UploadRefused
from pxe.wire import tftp
from pxe.wire.negotiate import Granted, announced_size, negotiate
from pxe.wire.transfer import Outcome, Transfer
from pxe.wire.upload import Upload

# Lost on our side of the wire is as good as lost on it: the timer repeats.
_LOST = frozenset(
    {errno.EAGAIN, errno.ENOBUFS, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EPERM}
)


class Session(ABC):
    """What downloads and uploads have in common: the port, the peer, and what their events say."""

    __slots__ = (
        "_recv", "_send", "_start_ns", "ident", "mac", "name", "options", "peer", "port", "read_size",
        "request", "size", "slot", "transfer", "upload",
    )  # fmt: skip

    transfer: Transfer | Upload
    size: int

    def __init__(self, ident: str, request: udp.Datagram, name: str, port: Port, granted: Granted) -> None:
        self.ident = ident
        self.request = request.data
        self.peer = request.peer
        self.name = tftp.printable(name)
        self.mac: str | None = None
        self.port = port
        self.upload = False
        self.slot: int | None = None  # of the journal
        self.options = granted.echoed
        self.read_size = READ_SIZE
        self._start_ns = monotonic_ns()
        self._send: Send = port.send
        # A port that all share is read by the server, which then calls `deliver`.
        self._recv: Callable[[int], bytes] = port.sock.recv if port.sock is not None else _nothing

    def on_readable(self, now: float) -> None:
        """Take one datagram and answer it. Raises WireError where it is not TFTP; the transfer goes on."""
        try:
            data = self._recv(self.read_size)
        except OSError as exc:
            self._on_fault(exc)
        else:
            self.deliver(data, now)

    @abstractmethod
    def deliver(self, data: bytes, now: float) -> None:
        """Take a datagram of the client and answer it. Raises WireError as `on_readable` does."""

    def pump(self, now: float) -> None:
        """Send what is due."""
        try:
            for run in self.transfer.datagrams_to_send(now):
                self._send(run)
        except OSError as exc:
            self._on_fault(exc)
        except PxeError as exc:
            self.abort(str(exc))

    def abort(self, detail: str) -> None:
        """End the transfer for a reason of ours, and tell the client."""
        self.transfer.end(Outcome.ERROR, detail)
        packet = tftp.encode(tftp.Error(tftp.ErrorCode.UNDEFINED, detail))
        with contextlib.suppress(OSError):
            self._send(packet)

    def close(self) -> None:
        """Let go of the port."""
        self.port.close()

    def started(self, t_ns: int) -> TransferStarted:
        """Return the event of the first packet."""
        return TransferStarted(
            t_ns=t_ns, mac=self.mac, transfer=self.ident, protocol="tftp", peer=format_peer(self.peer),
            name=self.name, size=self.size, options=self.options, upload=self.upload,
        )  # fmt: skip

    def ended(self, t_ns: int, now: float) -> TransferEnded:
        """Return the event of the end; the time spent waiting for a last ACK is no part of the duration."""
        transfer = self.transfer
        waited_ns = int((now - transfer.progress_at) * 1e9)
        return TransferEnded(
            t_ns=t_ns, mac=self.mac, transfer=self.ident, protocol="tftp", peer=format_peer(self.peer),
            name=self.name, size=self.size, sent=transfer.acknowledged,
            duration_ns=max(0, t_ns - self._start_ns - waited_ns), repeated=transfer.repeated,
            late=transfer.late, outcome=str(transfer.outcome), detail=transfer.detail, upload=self.upload,
        )  # fmt: skip

    def _on_fault(self, exc: OSError) -> None:
        if exc.errno == errno.ECONNREFUSED:
            self.transfer.handle_unreachable()
        elif exc.errno not in _LOST:
            self.transfer.end(Outcome.ERROR, f"the network refuses: {exc.strerror}")


class Download(Session):
    """We send a file (RRQ)."""

    __slots__ = ()
    transfer: Transfer

    def __init__(
        self,
        ident: str,
        request: udp.Datagram,
        read: tftp.ReadRequest,
        reader: Reader,
        cache: PacketCache,
        port: Port,
        now: float,
        *,
        rollover: int = 0,
        round_trip: float = 0.0,
    ) -> None:
        """Sends nothing yet: see `pump`. `rollover` and `round_trip` as in Transfer."""
        size = None if read.mode == "netascii" else reader.size
        granted = negotiate(read.options, size=size, mtu=port.mtu)
        super().__init__(ident, request, read.filename, port, granted)
        self.size = reader.size
        if (
            granted.windowsize > 1
        ):  # one datagram a window: segmentation has nothing to cut, and costs a little
            self._send = port.segmented(granted.blksize + HEADER)
        self.transfer = Transfer(
            Packets(cache, reader, granted.blksize, rollover),
            now,
            windowsize=granted.windowsize,
            timeout=granted.timeout,
            oack=granted.oack,
            rollover=rollover,
            round_trip=round_trip,
        )

    def on_readable(self, now: float) -> None:
        """See Session. The hot path: `deliver` without the call of it."""
        try:
            for run in self.transfer.exchange(self._recv(READ_SIZE), now):
                self._send(run)
        except OSError as exc:
            self._on_fault(exc)
        except WireError:
            raise
        except PxeError as exc:
            self.abort(str(exc))

    def deliver(self, data: bytes, now: float) -> None:
        """See Session."""
        try:
            for run in self.transfer.exchange(data, now):
                self._send(run)
        except OSError as exc:
            self._on_fault(exc)
        except WireError:
            raise
        except PxeError as exc:
            self.abort(str(exc))


class Receiving(Session):
    """A client sends a file (WRQ)."""

    __slots__ = ("_decoder", "_incoming")
    transfer: Upload

    def __init__(
        self,
        ident: str,
        request: udp.Datagram,
        write: tftp.WriteRequest,
        incoming: Incoming,
        port: Port,
        now: float,
    ) -> None:
        """Sends nothing yet: see `pump`."""
        announced = announced_size(write.options)
        granted = negotiate(write.options, size=announced, mtu=port.mtu)
        super().__init__(ident, request, write.filename, port, granted)
        self.upload = True
        self.size = announced or 0
        self.read_size = granted.blksize + HEADER + 1
        self._incoming = incoming
        self._decoder = NetasciiDecoder() if write.mode == "netascii" else None
        if port.sock is not None:
            udp.enlarge(port.sock, udp.TRANSFER_BUFFER)  # a whole window may come while we are busy
        self.transfer = Upload(
            now,
            limit=incoming.limit,
            blksize=granted.blksize,
            windowsize=granted.windowsize,
            timeout=granted.timeout,
            oack=granted.oack,
        )

    def deliver(self, data: bytes, now: float) -> None:
        """See Session. The file has its name before the client has our last ACK."""
        payload = self.transfer.receive_datagram(data, now)
        try:
            if payload:
                self._incoming.write(payload if self._decoder is None else self._decoder.feed(payload))
            if self.transfer.complete:
                self._store(now)
        except UploadRefused as exc:
            self.transfer.fail(exc.code, str(exc))
        self.pump(now)

    def close(self) -> None:
        """See Session; what came of a file that is not whole is removed."""
        super().close()
        self._incoming.discard()

    def _store(self, now: float) -> None:
        if self._decoder is not None:
            self._incoming.write(self._decoder.finish())
        self._incoming.commit()
        self.size = self.transfer.received
        self.transfer.stored(now, f"stored as {self._incoming.path}")


def _nothing(_size: int) -> bytes:
    raise BlockingIOError(errno.EAGAIN, "this transfer has no socket of its own")


def answer_stranger(guard: socket.socket) -> tuple[udp.Address, bytes] | None:
    """Answer one datagram of a stranger with ERROR 5 (RFC 1350 section 4); return from whom, and what.

    None where there was none. An ERROR is not answered: two servers would never end.
    """
    try:
        data, peer = guard.recvfrom(READ_SIZE)
    except OSError:
        return None
    if data[:2] != b"\x00\x05":
        text = "unknown transfer id: this port serves another client"
        with contextlib.suppress(OSError):
            guard.sendto(tftp.encode(tftp.Error(tftp.ErrorCode.UNKNOWN_TID, text)), peer)
    return peer, data


def format_peer(peer: udp.Address) -> str:
    """Return `address:port`."""
    return f"{peer[0]}:{peer[1]}"
