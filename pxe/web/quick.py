"""The requests and answers of boot scripts, as bytes: RFC 9112, no more of it than firmware needs.

gunicorn's parser, its WSGI environment and its response object take longer than making the script. What is
not the plainest GET is left to them, so nothing is decided here that they would decide otherwise.
"""

import re
import time
from dataclasses import dataclass
from functools import lru_cache

from gunicorn import SERVER
from gunicorn.util import http_date

from pxe.web.sending import Script

# A path as it stands: no query, nothing to decode. Then whole header lines, with names of RFC 9110's tokens.
_GET = re.compile(
    rb"GET (/[!-$&->@-~]*) HTTP/1\.([01])\r\n((?:[!#-'*+.0-9A-Z^-z|~-]+:[\t -~\x80-\xff]*\r\n)*)\r\n"
)
# A body would have to be waited for; conditions and ranges are decided elsewhere
_ELSEWHERE = re.compile(
    rb"^(?:content-length|transfer-encoding|expect|upgrade|range|if-[a-z-]+):", re.IGNORECASE | re.MULTILINE
)
_NAME = re.compile(rb"^([^:\r\n]+):", re.MULTILINE)
_CONNECTION = re.compile(rb"^connection:[ \t]*([^\r]*?)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Get:
    """A plain GET; `keep`: whether the client keeps the connection."""

    target: bytes
    version: bytes
    keep: bool


def parse(head: bytes) -> Get | None:
    """Return the one request of which `head` consists; None where it is no plain GET, or more, or less."""
    found = _GET.fullmatch(head)
    if found is None:
        return None
    target, version, headers = found.groups()
    if _ELSEWHERE.search(headers):
        return None
    names = _NAME.findall(headers.lower())
    if len(set(names)) < len(names):  # gunicorn refuses some that come twice: RFC 9110 section 5.3
        return None
    wishes = [wish.lower() for wish in _CONNECTION.findall(headers)]
    if not wishes:
        return Get(target, version, version == b"1")
    if wishes[0] not in (b"keep-alive", b"close"):
        return None
    return Get(target, version, wishes[0] == b"keep-alive")


def response(script: Script, version: bytes, keep: bool) -> bytes:
    """Return head and body, with the headers in gunicorn's order and words."""
    head = _began(int(time.time()), version, keep)
    lines = "".join([f"{name}: {value}\r\n" for name, value in script.headers])
    return b"%s%s\r\n%s" % (head, lines.encode("latin-1"), script.data)


@lru_cache(8)
def _began(second: int, version: bytes, keep: bool) -> bytes:
    connection = "keep-alive" if keep else "close"
    text = f"200 OK\r\nServer: {SERVER}\r\nDate: {http_date(second)}\r\nConnection: {connection}\r\n"
    return b"HTTP/1.%s %s" % (version, text.encode())
