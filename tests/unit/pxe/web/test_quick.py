"""What we read of a request is what gunicorn reads of it."""

import io

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from pxe.web import quick
from pxe.web.sending import Script

LINES = st.one_of(
    st.sampled_from([
        b"Host: x", b"Connection: close", b"connection:Keep-Alive ", b"Connection: upgrade",
        b"Range: bytes=0-1",
        b"If-None-Match: *", b"Content-Length: 0", b"Content-Length: 5", b"Transfer-Encoding: chunked",
        b"Expect: 100-continue", b"A : b", b" folded", b":", b"A", b"A:\x01", b"A\x00: b",
        b"User-Agent: iPXE/1.0",
    ]),
    st.binary(max_size=12),
)  # fmt: skip
TARGETS = st.one_of(
    st.sampled_from([b"/boot.scr", b"/", b"//x", b"/%41", b"/a?b", b"*", b"http://h/x"]), st.binary()
)
HEADS = st.builds(
    lambda method, target, version, lines: (
        b" ".join((method, target, version)) + b"\r\n" + b"".join(lines) + b"\r\n"
    ),
    st.sampled_from([b"GET", b"HEAD", b"get", b"GET "]),
    TARGETS,
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 "]),
    st.lists(LINES.map(lambda line: line + b"\r\n"), max_size=4),
)


def by_gunicorn(data):
    """Its first request, None where it refuses; and what it leaves over."""
    source = io.BytesIO(data)
    parser = RequestParser(Config(), iter([source.read()]), ("127.0.0.1", 1))
    try:
        return next(parser)
    except (ParseException, StopIteration):
        return None


@given(HEADS)
@example(b"GET /boot.scr HTTP/1.1\r\nHost: x\r\n\r\n")
@example(b"GET /boot.scr HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
@example(b"GET /boot.scr HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n")
def test_as_gunicorn_reads_it(head):
    ours = quick.parse(head)
    if ours is None:
        return
    theirs = by_gunicorn(head)
    assert theirs is not None, "gunicorn refuses it"
    assert (theirs.method, theirs.uri) == ("GET", ours.target.decode("ascii"))
    assert theirs.path == theirs.uri, "nothing to decode"
    assert theirs.query == ""
    assert theirs.version == (1, int(ours.version))
    assert theirs.should_close() is not ours.keep
    assert theirs.body.read() == b""


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /a HTTP/1.1\r\n",
        b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
        b"GET /a?b HTTP/1.1\r\n\r\n",
        b"GET /%41 HTTP/1.1\r\n\r\n",
        b"HEAD /a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nrange: bytes=0-1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nIf-Match: x\r\n\r\n",
        b"GET /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
        b"GET /a HTTP/1.1\r\nConnection: keep-alive, upgrade\r\n\r\n",
        b"GET /a HTTP/1.1\nHost: x\n\n",
    ],
)
def test_not_the_plainest(head):
    assert quick.parse(head) is None


def test_an_answer():
    script = Script([("Content-Length", "2")], b"ab", lambda *_: None)
    head, _, body = quick.response(script, b"0", False).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert body == b"ab"
    assert lines[0] == b"HTTP/1.0 200 OK"
    assert lines[3:] == [b"Connection: close", b"Content-Length: 2"]
