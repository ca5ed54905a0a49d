"""An HTTP server that is set up wrong in one way: `python -m lab.testing.explain.wrong_http FAULT FILE`.

Listens on port 80 of all addresses and answers every GET and HEAD with FILE, as FAULT has it. A server that
exists would need a patch for most of these.
"""

import select
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

_LATE_SECONDS: Final = 5.0  # firmware asks for the file at once
_CUT_AT: Final = 20_000  # bytes of the file that arrive before the connection is closed


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive, as firmware wants it."""

    protocol_version = "HTTP/1.1"
    body = b""
    fault = "fine"

    def do_GET(self) -> None:
        """Answer as the fault says."""
        FAULTS[self.fault](self)

    do_HEAD = do_GET

    def version_string(self) -> str:
        """The header Server."""
        return "" if self.fault == "empty-server" else "wrong"

    def answer(self, status: int = 200, **headers: str) -> None:
        """Send a head, and for GET with status 200 the file; `Content_Type="..."`, "" leaves a header out."""
        body = self.body if status == 200 else b""
        given = {"Content_Type": "application/efi", "Content_Length": str(len(body)), **headers}
        self.send_response(status)
        for name, value in given.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _chunked(it: Handler) -> None:
    it.send_response(200)
    it.send_header("Content-Type", "application/efi")
    it.send_header("Transfer-Encoding", "chunked")
    it.end_headers()
    if it.command == "GET":
        it.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(it.body), it.body))


def _until_closed(it: Handler) -> None:
    it.answer(Content_Length="", Connection="close")
    it.close_connection = True


def _cut(it: Handler) -> None:
    if it.command == "HEAD":
        it.answer()
        return
    whole, it.body = it.body, it.body[:_CUT_AT]
    it.answer(Content_Length=str(len(whole)))
    it.close_connection = True


def _close(it: Handler) -> None:
    it.answer()
    it.close_connection = True


def _close_late(it: Handler) -> None:
    """As HTTP/1.0 does it, and its FIN meets the client's next request on the way: edk2#9920."""
    it.answer()
    it.close_connection = True
    if it.command == "HEAD":
        select.select([it.connection], [], [], _LATE_SECONDS)


_OLD = ("http-1.0", "late-close")
FAULTS: dict[str, Callable[[Handler], None]] = {
    "fine": lambda it: it.answer(),
    "not-found": lambda it: it.answer(404),
    "forbidden": lambda it: it.answer(403),
    "redirect": lambda it: it.answer(301, Location="http://10.99.0.1/other/boot.efi"),
    "chunked": _chunked,
    "no-length": _until_closed,
    "text": lambda it: it.answer(Content_Type="text/plain"),
    "close": _close,
    "http-1.0": _close,
    "late-close": _close_late,
    "empty-server": lambda it: it.answer(),
    "cut": _cut,
}


if __name__ == "__main__":
    Handler.fault, Handler.body = sys.argv[1], Path(sys.argv[2]).read_bytes()
    Handler.protocol_version = "HTTP/1.0" if sys.argv[1] in _OLD else "HTTP/1.1"
    ThreadingHTTPServer(("", 80), Handler).serve_forever()
