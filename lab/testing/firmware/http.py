"""One HTTP/1.1 connection of a simulated machine, never blocking: a body's length counts, not its bytes."""

import socket

from lab.testing.firmware.machine import HttpReply, HttpRequest, Machine

_MAX_HEAD = 65536


class Connection:
    """From `machine` to a server, one request after the other. `ended`: nothing more can be asked on it."""

    def __init__(self, machine: Machine, host: str, port: int) -> None:
        self.machine, self.peer = machine, (host, port)
        self.ended = self.connected = False
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.bind((machine.address, 0))
        self._sock.connect_ex(self.peer)  # what comes of it, the first write tells
        self._failure = ""
        self._out = b""
        self._request: HttpRequest | None = None
        self._head = bytearray()
        self._body = bytearray()
        self._status, self._got, self._left = 0, 0, -1
        self._headers: dict[str, str] = {}

    def fileno(self) -> int:
        """Of its socket."""
        return self._sock.fileno()

    def fits(self, request: HttpRequest) -> bool:
        """Whether it can carry that request, too."""
        return not self.ended and self.peer == (request.host, request.port)

    @property
    def hangs(self) -> bool:
        """Whether this is a machine that stopped reading."""
        request = self._request
        return request is not None and request.stop_after is not None and self._got >= request.stop_after

    def ask(self, request: HttpRequest) -> None:
        """Take a request; `write` sends it."""
        lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{n}: {v}" for n, v in request.headers)]
        self._out = "\r\n".join([*lines, "", ""]).encode()
        self._request, self._head, self._body = request, bytearray(), bytearray()
        self._status, self._got, self._left, self._headers = 0, 0, -1, {}

    def write(self) -> None:
        """Send what waits: a request fits into any socket's buffer."""
        self.connected = True
        try:
            self._sock.send(self._out)
        except OSError as exc:
            self._failure, self.ended = exc.strerror or str(exc), True
        self._out = b""

    def read(self, buffer: bytearray, view: memoryview, now: float) -> HttpReply | None:
        """Take what has come; return the reply once it is whole."""
        if self._request is None:  # the server closed an idle connection
            self.ended = True
            return None
        if self._failure:
            return self._end(self._failure)
        try:
            count = self._sock.recv_into(buffer)
        except BlockingIOError:
            return None
        except OSError as exc:
            return self._end(exc.strerror or str(exc))
        if not count:
            return self._end("" if self._status and self._left < 0 else f"cut off after {self._got} bytes")
        if not self._status:
            return self._take_head(bytes(view[:count]), now)
        return self._take_body(view[:count], now)

    def _take_head(self, data: bytes, now: float) -> HttpReply | None:
        self._head += data
        top, end, body = self._head.partition(b"\r\n\r\n")
        if not end:
            return self._end("no end of the header") if len(self._head) > _MAX_HEAD else None
        status, *lines = top.decode("latin-1").split("\r\n")
        words = status.split(" ")
        if len(words) < 2 or not words[1].isdigit():
            return self._end(f"no HTTP: {status[:60]!r}")
        self._status = int(words[1])
        pairs = (line.partition(":") for line in lines)
        self._headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if words[0] == "HTTP/1.0":
            self._headers.setdefault("connection", "close")
        length = self._headers.get("content-length", "")
        self._left = int(length) if length.isdigit() else -1
        assert self._request is not None
        if self._request.method == "HEAD" or self._left == 0:
            return self._end("")
        return self._take_body(memoryview(bytes(body)), now) if body else None

    def _take_body(self, data: memoryview, now: float) -> HttpReply | None:
        assert self._request is not None
        self._got += len(data)
        self.machine.receive_body(len(data), now)
        if self._request.keep:
            self._body += data
        return self._end("") if self._got == self._left and not self.hangs else None

    def _end(self, error: str) -> HttpReply:
        closed = bool(error) or self._headers.get("connection", "").lower() == "close"
        self.ended = closed
        self._request = None
        return HttpReply(
            status=self._status,
            headers=self._headers,
            body=bytes(self._body),
            length=self._got,
            closed=closed,
            error=error,
        )

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
