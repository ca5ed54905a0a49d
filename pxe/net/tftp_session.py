"""One TFTP transfer on its own sockets: drives `pxe.wire.transfer.Transfer` and keeps no rule of its own."""

import contextlib
import errno
import socket
from collections.abc import Callable
from time import monotonic_ns

from pxe.errors import PxeError, WireError
from pxe.events import TransferEnded, TransferStarted
from pxe.net import udp
from pxe.net.gso import SegmentedSender
from pxe.net.packets import HEADER, PacketCache, Packets, Reader
from pxe.wire import tftp
from pxe.wire.negotiate import negotiate
from pxe.wire.transfer import Buffer, Outcome, Transfer

READ_SIZE = 256  # an ACK has 4 bytes; of an ERROR's text this much is enough. Small objects are cheap ones.
# Lost on our side of the wire is as good as lost on it: the timer repeats.
_LOST = frozenset(
    {errno.EAGAIN, errno.ENOBUFS, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EPERM}
)


class Session:
    """A transfer, its connected socket, the guard on the same port, and what its events say."""

    __slots__ = (
        "_recv", "_send", "_start_ns", "guard", "ident", "mac", "name", "options", "peer", "request",
        "size", "sock", "transfer",
    )  # fmt: skip

    def __init__(
        self,
        ident: str,
        request: udp.Datagram,
        read: tftp.ReadRequest,
        reader: Reader,
        cache: PacketCache,
        now: float,
    ) -> None:
        """Raises OSError where there is no socket to be had. Sends nothing yet: see `pump`."""
        self.ident = ident
        self.request = request.data
        self.peer = request.peer
        self.name = tftp.printable(read.filename)
        self.mac: str | None = None
        self.size = reader.size
        self.sock = udp.connect(request.local, request.peer)
        self.guard = udp.guard(self.sock)
        self._start_ns = monotonic_ns()
        size = None if read.mode == "netascii" else reader.size
        granted = negotiate(read.options, size=size, mtu=udp.path_mtu(self.sock))
        self.options = granted.echoed
        self._recv = self.sock.recv
        # One datagram a window: segmentation has nothing to cut and costs a little.
        self._send: Callable[[Buffer], object] = self.sock.send
        if granted.windowsize > 1:
            self._send = SegmentedSender(self.sock, granted.blksize + HEADER).send
        self.transfer = Transfer(
            Packets(cache, reader, granted.blksize),
            now,
            windowsize=granted.windowsize,
            timeout=granted.timeout,
            oack=granted.oack,
        )

    def on_readable(self, now: float) -> None:
        """Take one datagram and answer it. Raises WireError where it is not TFTP; the transfer goes on."""
        try:
            for run in self.transfer.exchange(self._recv(READ_SIZE), now):
                self._send(run)
        except OSError as exc:
            self._on_fault(exc)
        except WireError:
            raise
        except PxeError as exc:
            self.abort(str(exc))

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
            self.sock.send(packet)

    def close(self) -> None:
        """Close the sockets."""
        self.sock.close()
        if self.guard is not None:
            self.guard.close()

    def started(self, t_ns: int) -> TransferStarted:
        """Return the event of the first packet."""
        return TransferStarted(
            t_ns=t_ns, mac=self.mac, transfer=self.ident, protocol="tftp", peer=format_peer(self.peer),
            name=self.name, size=self.size, options=self.options,
        )  # fmt: skip

    def ended(self, t_ns: int, now: float) -> TransferEnded:
        """Return the event of the end; the time spent waiting for a last ACK is no part of the duration."""
        transfer = self.transfer
        waited_ns = int((now - transfer.progress_at) * 1e9)
        return TransferEnded(
            t_ns=t_ns, mac=self.mac, transfer=self.ident, protocol="tftp", peer=format_peer(self.peer),
            name=self.name, size=self.size, sent=transfer.acknowledged,
            duration_ns=max(0, t_ns - self._start_ns - waited_ns), repeated=transfer.repeated,
            outcome=str(transfer.outcome), detail=transfer.detail,
        )  # fmt: skip

    def _on_fault(self, exc: OSError) -> None:
        if exc.errno == errno.ECONNREFUSED:
            self.transfer.handle_unreachable()
        elif exc.errno not in _LOST:
            self.transfer.end(Outcome.ERROR, f"the network refuses: {exc.strerror}")


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
