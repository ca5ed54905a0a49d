"""A real HTTP server on loopback that knows ranges, validators, and how to break."""

import http.server
import re
import threading
from dataclasses import dataclass, field

import pytest

from pxe.assets import Store


@dataclass
class Upstream:
    """What the server does; `cut` is after how many bytes of a body it hangs up, once for each entry."""

    url: str = ""
    files: dict = field(default_factory=dict)
    etag: bool = True
    ranges: bool = True
    cut: list = field(default_factory=list)
    wrong_ranges: bool = False
    redirect: dict = field(default_factory=dict)
    gate: threading.Event | None = None  # waits for it in the middle of a body
    half_way: threading.Event = field(default_factory=threading.Event)
    seen: list = field(default_factory=list)  # (path, Range, status)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        upstream = self.server.upstream
        name = self.path.lstrip("/")
        if name in upstream.redirect:
            return self._answer(302, b"", {"Location": upstream.redirect[name]})
        if name not in upstream.files:
            return self._answer(404, b"")
        body = upstream.files[name]
        etag = f'"{hash(body) & 0xFFFFFFFF:x}"'
        head = {"ETag": etag} if upstream.etag else {}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if upstream.wrong_ranges:
            return self._answer(
                206, body[1:], head | {"Content-Range": f"bytes 1-{len(body) - 1}/{len(body)}"}
            )
        if upstream.etag and self.headers.get("If-None-Match") == etag:
            return self._answer(304, b"", head)
        if wanted and upstream.ranges and self.headers.get("If-Range", etag) == etag:
            first = int(wanted[1])
            if first >= len(body):
                return self._answer(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            head |= {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
            return self._answer(206, body[first:], head)
        return self._answer(200, body, head)

    def _answer(self, status, body, headers=None):
        upstream = self.server.upstream
        upstream.seen.append((self.path, self.headers.get("Range"), status))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = upstream.cut.pop(0) if upstream.cut and body else None
        half = len(body) // 2 if cut is None else cut
        self.wfile.write(body[:half])
        self.wfile.flush()
        if cut is not None:
            self.close_connection = True
            return
        if upstream.gate is not None and body:
            upstream.half_way.set()
            upstream.gate.wait(30)
        self.wfile.write(body[half:])

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that was killed


@pytest.fixture
def upstream():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.upstream = Upstream(url=f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.upstream
        if server.upstream.gate is not None:
            server.upstream.gate.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "images")
