"""From a request to a session: which file, which port; or the refusal that the client is told."""

import os
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

from pxe.errors import PxeError, RefusalReason, RequestRefused, ServiceError
from pxe.net import udp
from pxe.net.journal import Survivor
from pxe.net.packets import PacketCache, Reader, as_netascii, is_exhausted, open_resource
from pxe.net.ports import Port, Ports
from pxe.net.tftp_session import Download, Receiving, Session
from pxe.net.upload_folder import UploadFolder, UploadRefused
from pxe.plan import Resource
from pxe.wire import tftp
from pxe.wire.negotiate import announced_size

MAX_CLIENTS: Final = 4096  # whose round trips are kept
Resolve = Callable[[str, IPv4Address], Resource]
_CODES: Final = {
    RefusalReason.NOT_FOUND: tftp.ErrorCode.NOT_FOUND,
    # Nobody learns from us what lies outside; and a boot ROM goes on to its next file only after "not found".
    RefusalReason.FORBIDDEN: tftp.ErrorCode.NOT_FOUND,
    RefusalReason.UNSUPPORTED: tftp.ErrorCode.ILLEGAL,
    RefusalReason.BUSY: tftp.ErrorCode.UNDEFINED,  # U-Boot starts over after 0, which is what we want
}


class Refusal(PxeError):
    """A request that is answered by ERROR `code`; the message is for the client and for our log."""

    def __init__(self, code: tftp.ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Opener:
    """Makes sessions; numbers them."""

    def __init__(
        self,
        resolve: Resolve,
        mac_of: Callable[[IPv4Address], str | None],
        cache: PacketCache,
        ports: Ports,
        uploads: UploadFolder | None,
        rollover_to_1: tuple[str, ...],
    ) -> None:
        self._resolve, self._mac_of = resolve, mac_of
        self._cache, self._ports, self._uploads = cache, ports, uploads
        self._rollover_to_1 = rollover_to_1
        self._serial = 0
        self._round_trips: OrderedDict[str, float] = OrderedDict()  # seconds, by address; the newest last

    def open(
        self, request: udp.Datagram, message: tftp.ReadRequest | tftp.WriteRequest, now: float
    ) -> Session:
        """Return the session, which has sent nothing yet. Raises Refusal."""
        try:
            if message.mode not in ("octet", "netascii"):
                raise Refusal(tftp.ErrorCode.ILLEGAL, "only modes octet and netascii are served")
            if isinstance(message, tftp.WriteRequest):
                return self._upload(request, message, now)
            return self._download(request, message, now)
        except RequestRefused as exc:
            raise Refusal(_CODES[exc.reason], str(exc)) from exc
        except UploadRefused as exc:
            raise Refusal(exc.code, f"upload refused: {exc}") from exc
        except ServiceError as exc:
            raise Refusal(tftp.ErrorCode.UNDEFINED, str(exc)) from exc

    def resume(self, survivor: Survivor, now: float) -> Session:
        """Return the session of a download that an earlier process began, on its old port. Raises Refusal."""
        request = survivor.request
        message = tftp.decode(request.data)
        assert isinstance(message, tftp.ReadRequest)
        try:
            session = self._download(request, message, now, survivor.local_port)
        except PxeError as exc:
            raise Refusal(tftp.ErrorCode.UNDEFINED, f"the server was started anew: {exc}") from exc
        session.transfer.resume(survivor.acknowledged)
        return session

    def learn(self, session: Session) -> None:
        """Keep what an ended transfer tells of its client's round trip."""
        address, round_trip = session.peer[0], session.transfer.round_trip
        if round_trip:
            self._round_trips[address] = round_trip
            self._round_trips.move_to_end(address)
            if len(self._round_trips) > MAX_CLIENTS:
                self._round_trips.popitem(last=False)

    def _download(
        self, request: udp.Datagram, message: tftp.ReadRequest, now: float, number: int = 0
    ) -> Download:
        resource = self._resolve(message.filename, IPv4Address(request.peer[0]))
        reader: Reader = open_resource(resource)
        if message.mode == "netascii":
            reader = as_netascii(reader)
        port, ident = self._port(request, number)
        rollover = int(resource.mac is not None and resource.mac.startswith(self._rollover_to_1))
        round_trip = self._round_trips.get(request.peer[0], 0.0)
        session = Download(
            ident, request, message, reader, self._cache, port, now, rollover=rollover, round_trip=round_trip
        )
        session.mac = resource.mac
        return session

    def _upload(self, request: udp.Datagram, message: tftp.WriteRequest, now: float) -> Session:
        if self._uploads is None:
            raise Refusal(tftp.ErrorCode.ACCESS, "upload is off")
        mac = self._mac_of(IPv4Address(request.peer[0]))
        folder = mac.replace(":", "-") if mac is not None else request.peer[0]
        incoming = self._uploads.open(message.filename, folder, announced_size(message.options))
        port, ident = self._port(request)
        session = Receiving(ident, request, message, incoming, port, now)
        session.mac = mac
        return session

    def _port(self, request: udp.Datagram, number: int = 0) -> tuple[Port, str]:
        try:
            port = self._ports.open(request, number)
        except OSError as exc:
            text = f"no socket towards the client: {exc.strerror}"
            if is_exhausted(exc):
                text = (
                    "busy: no file descriptor is left for one more transfer; raise `ulimit -n` of the server"
                )
            raise Refusal(tftp.ErrorCode.UNDEFINED, text) from exc
        self._serial += 1
        return port, f"tftp-{os.getpid()}-{self._serial}"  # a later worker counts from 1 again
