"""Malformed HTTP answers, as pieces of bytes with pauses between them. Pure; the sockets are in `server`."""

import random
from collections.abc import Callable
from dataclasses import dataclass

_OK = b"HTTP/1.1 200 OK\r\n"
_BODY = b"<hostile>" * 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent, piece by piece with `pause` seconds between them; then the connection is closed, reset,
    or (`hold`) left open until the client goes."""

    pieces: tuple[bytes, ...]
    pause: float = 0.0
    reset: bool = False
    hold: bool = False


def _length(rng: random.Random) -> Answer:
    value = rng.choice(
        (b"0", b"1", b"-1", b"4294967296", b"18446744073709551616", b"9" * 300, b"abc", b"", b" 7 7")
    )
    more = b"Content-Length: 900\r\n" if rng.random() < 0.3 else b""
    return Answer((_OK + b"Content-Length: " + value + b"\r\n" + more + b"\r\n" + _BODY,))


def _short_body(rng: random.Random) -> Answer:
    head = _OK + b"Content-Length: 1000000\r\n\r\n"
    return Answer((head, _BODY), reset=rng.random() < 0.5, hold=rng.random() < 0.3)


def _chunks(rng: random.Random) -> Answer:
    sizes = (b"ffffffffffffffff", b"-1", b"80000000", b"g", b"", b"5;" + b"x" * 5000, b"0" * 5000 + b"5")
    head = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
    return Answer((head, rng.choice(sizes) + b"\r\n" + _BODY + b"\r\n", b"0\r\n"), hold=rng.random() < 0.3)


def _header_flood(rng: random.Random) -> Answer:
    flood = rng.choice(
        (b"X-A: " + b"a" * 65000 + b"\r\n", b"X-A: b\r\n" * 8000, b"x" * 40000, b":\r\n" * 9000)
    )
    return Answer((_OK, flood, b"Content-Length: 5\r\n\r\nhello"))


def _slow(rng: random.Random) -> Answer:
    text = _OK + b"Content-Length: 40\r\n\r\n" + b"s" * 40
    step = rng.choice((1, 2, 5))
    return Answer(tuple(text[i : i + step] for i in range(0, len(text), step)), pause=0.02)


def _redirect(rng: random.Random) -> Answer:
    place = rng.choice(
        (b"", b"/hostile", b"http://10.99.0.1/hostile", b"ftp://x/", b"http://" + b"a" * 3000 + b"/", b"//")
    )
    status = rng.choice((b"301", b"302", b"307", b"399"))
    return Answer((b"HTTP/1.1 " + status + b" Go\r\nLocation: " + place + b"\r\nContent-Length: 0\r\n\r\n",))


def _status_line(rng: random.Random) -> Answer:
    lines = (
        b"HTTP/9.9 200 OK",
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1 999999999999 X",
        b"\0\0\0",
        b"ICY 200 OK",
        b"200",
    )
    return Answer(
        (rng.choice(lines) + rng.choice((b"\r\n", b"\n", b"")) + b"Content-Length: 900\r\n\r\n" + _BODY,)
    )


def _no_end_of_headers(rng: random.Random) -> Answer:
    tail = rng.choice((b"", b"\r", b"\r\n", b"Content-Le", b"Content-Length: 10"))
    return Answer((_OK + tail,), reset=rng.random() < 0.5, hold=rng.random() < 0.3)


def _nothing(rng: random.Random) -> Answer:
    return Answer((), reset=rng.random() < 0.5)


def _noise(rng: random.Random) -> Answer:
    return Answer((rng.randbytes(rng.randint(1, 5000)),))


def _too_much(rng: random.Random) -> Answer:
    return Answer((_OK + b"Content-Length: 10\r\n\r\n", *([b"M" * 60000] * rng.choice((1, 40)))))


MALFORMED: dict[str, Callable[[random.Random], Answer]] = {
    "chunks": _chunks,
    "header-flood": _header_flood,
    "length": _length,
    "no-end-of-headers": _no_end_of_headers,
    "noise": _noise,
    "nothing": _nothing,
    "redirect": _redirect,
    "short-body": _short_body,
    "slow": _slow,
    "status-line": _status_line,
    "too-much": _too_much,
}


def malformed(name: str, rng: random.Random) -> Answer:
    """Return the answer with the malformation `name`."""
    return MALFORMED[name](rng)
