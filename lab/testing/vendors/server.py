"""What all stand-ins share: HTTP/1.1 with HEAD, Range and validators, and connections cut on purpose."""

import argparse
import hashlib
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

_PIECE = 1 << 16
_LONGEST_BODY = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `path` is decoded, `base` the URL at which the client sees the server."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: bytes or a file. `ranges`: whether parts may be asked for."""

    content: bytes | Path = b""
    kind: str = "application/octet-stream"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    ranges: bool = True

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


def text(message: str, status: int = 200) -> Answer:
    """Return a line of plain text, as most vendors answer an error."""
    return Answer(f"{message}\n".encode(), "text/plain; charset=utf-8", status, ranges=False)


class Vendor(Protocol):
    """One vendor. `options` adds to the command line what its constructor takes by keyword."""

    @staticmethod
    def options(parser: argparse.ArgumentParser) -> None:
        """Add options of its own; their names are the constructor's keywords."""

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request; HEAD and Range are not its business."""


@dataclass(slots=True)
class Faults:
    """What goes wrong. `cut_after`: every body that is longer is cut off after so many bytes, `cuts` times
    (None: always); with `stall` the connection stays, and nothing more comes. `status`: every request is
    answered with it; `status_of_rest`: those with a Range."""

    cut_after: int = 0
    cuts: int | None = None
    stall: bool = False
    status: int = 0
    status_of_rest: int = 0


class VendorServer(AbstractContextManager["VendorServer"]):
    """A vendor behind a socket, in threads of this process. `requests`: method and path, in their order."""

    def __init__(self, vendor: Vendor, address: str = "127.0.0.1", port: int = 0) -> None:
        self.vendor, self.faults = vendor, Faults()
        self.requests: list[tuple[str, str]] = []
        self.sent = 0  # bytes of bodies
        self._lock = threading.Lock()
        self.ending = threading.Event()
        server = self

        class Handler(_Handler):
            owner = server

        self._http = _Server((address, port), Handler)
        self.port = int(self._http.server_address[1])
        self.url = f"http://{address}:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Serve until the process is interrupted."""
        self._thread.join()

    def note(self, method: str, path: str) -> None:
        """Put a request on record."""
        with self._lock:
            self.requests.append((method, path))

    def count(self, size: int) -> None:
        """Put bytes of a body on record."""
        with self._lock:
            self.sent += size

    def cut(self, size: int) -> int:
        """Return after how many bytes of a body of `size` its connection is cut; 0: it is not."""
        with self._lock:
            faults = self.faults
            if not faults.cut_after or size <= faults.cut_after or faults.cuts == 0:
                return 0
            if faults.cuts is not None:
                faults.cuts -= 1
            return faults.cut_after


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: VendorServer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what was asked is in `requests`."""

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LONGEST_BODY:
            self._send(text("the body is too long", HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            return
        body, parts = self.rfile.read(length), urlsplit(self.path)
        self.owner.note(self.command, self.path)
        base = f"http://{self.headers.get('Host', '')}"
        request = Request(
            self.command, unquote(parts.path), parts.query, dict(self.headers.items()), body, base
        )
        faults = self.owner.faults
        status = faults.status or (faults.status_of_rest if "Range" in self.headers else 0)
        if status:
            self._send(text("the server is not well", status))
            return
        self._send(self.owner.vendor.answer(request))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any

    def _send(self, answer: Answer) -> None:
        size, etag = answer.size, _etag(answer)
        first, status = 0, answer.status
        if status == HTTPStatus.OK and self.headers.get("If-None-Match") == etag:
            status = HTTPStatus.NOT_MODIFIED
        elif status == HTTPStatus.OK and answer.ranges:
            first = self._first(size, etag)
            status = HTTPStatus.PARTIAL_CONTENT if first else HTTPStatus.OK
        self.send_response(status)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(size - first))
            self.send_header("Content-Type", answer.kind)
        if status in (200, 206, 304) and answer.ranges:
            self.send_header("ETag", etag)
            self.send_header("Accept-Ranges", "bytes")
        if status == HTTPStatus.PARTIAL_CONTENT:
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != HTTPStatus.NOT_MODIFIED:
            self._body(answer, first, size)

    def _first(self, size: int, etag: str) -> int:
        """The byte from which on the client wants it; 0 for all of it."""
        wanted = self.headers.get("Range", "")
        if self.headers.get("If-Range", etag) != etag or not wanted.startswith("bytes="):
            return 0
        first = wanted.removeprefix("bytes=").removesuffix("-")
        return int(first) if first.isdigit() and int(first) < size else 0

    def _body(self, answer: Answer, first: int, size: int) -> None:
        cut = self.owner.cut(size - first)
        left = cut or size - first
        self.owner.count(left)
        if isinstance(answer.content, bytes):
            self.wfile.write(answer.content[first : first + left])
        else:
            with answer.content.open("rb") as file:
                file.seek(first)
                while left and (piece := file.read(min(_PIECE, left))):
                    self.wfile.write(piece)
                    left -= len(piece)
        if cut and self.owner.faults.stall:
            self.owner.ending.wait()
        if cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


def _etag(answer: Answer) -> str:
    if isinstance(answer.content, bytes):
        return f'"{hashlib.sha256(answer.content).hexdigest()[:16]}"'
    found = os.stat(answer.content)
    return f'"{found.st_size:x}-{found.st_mtime_ns:x}"'
