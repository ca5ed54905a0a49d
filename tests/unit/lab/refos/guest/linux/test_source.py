"""talos.config= and fetching it, from a real HTTP server."""

import asyncio
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.refos.guest.linux import source, web
from lab.refos.guest.linux.proc import available_memory
from lab.refos.guest.model import PlatformError
from lab.refos.guest.state.configuration import Unsupported

VALUES = {"uuid": "b0-0", "mac": "52:54:00:00:00:01", "hostname": "a b"}


@pytest.mark.parametrize(
    ("line", "url"),
    [
        ("quiet", ""),
        ("quiet talos.config=http://a/b panic=5", "http://a/b"),
        ("talos.config=http://a talos.config=http://b", "http://a"),
        ("talos.config=none", ""),
        ("talos.config=", ""),
        ("xtalos.config=http://a", ""),
    ],
)
def test_where_it_is(line, url):
    assert source.url_of(line) == url


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://a/${uuid}?u=${uuid}&m=${MAC}", "http://a/${uuid}?u=b0-0&m=52%3A54%3A00%3A00%3A00%3A01"),
        ("http://a/c?uuid=", "http://a/c?uuid=b0-0"),
        ("http://a/c?x=1&uuid=&y=2", "http://a/c?x=1&uuid=b0-0&y=2"),
        ("http://a/c?uuid=7&h=${hostname}&n=${nonsense}", "http://a/c?uuid=7&h=a%20b&n="),
        ("http://a:8080/c", "http://a:8080/c"),
    ],
)
def test_variables_are_filled_into_the_query_alone(url, wanted):
    assert source.filled(url, VALUES) == wanted


@contextmanager
def serving(status=200, body=b"", length=None):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/x"
        finally:
            server.shutdown()


def test_fetching():
    with serving(200, b"machine: {}") as url:
        assert asyncio.run(source.get(url)) == (200, b"machine: {}")
    with serving(404) as url:
        assert asyncio.run(source.get(url)) == (404, b"")
    with serving(200, bytes((1 << 20) + 1)) as url, pytest.raises(PlatformError, match="more than 1048576"):
        asyncio.run(source.get(url))
    with pytest.raises(PlatformError, match=r"gave no answer: .*refused"):
        asyncio.run(source.get("http://127.0.0.1:1/"))


@pytest.mark.parametrize(
    "url", ["https://a/", "tftp://a/b", "metal-iso", "http://", "http://[", "http://a:x/"]
)
def test_what_cannot_be_fetched_is_not_asked_for_again(url):
    with pytest.raises(Unsupported, match=r"talos\.config="):
        asyncio.run(source.get(url))


@given(st.text(max_size=60))
def test_any_word_is_a_url_or_refused(text):
    with suppress(ValueError):
        source.filled(text, VALUES)


def test_how_large_something_is():
    with serving(200, length=300 << 20) as url:
        assert asyncio.run(web.size_of(url)) == 300 << 20
    with serving(404) as url:
        assert asyncio.run(web.size_of(url)) is None
    assert asyncio.run(web.size_of("http://127.0.0.1:1/")) is None
    assert asyncio.run(web.size_of("https://127.0.0.1/")) is None


def test_memory_that_can_be_had():
    assert available_memory("MemTotal:  9 kB\nMemAvailable:     2048 kB\n") == 2 << 20
    assert available_memory("") == 0
