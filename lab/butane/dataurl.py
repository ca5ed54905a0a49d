"""Bytes -> a data: URL, in the shortest of the three forms that Butane chooses from."""

import base64
import gzip
from urllib.parse import quote

_UNRESERVED = "-_.!~*'()"  # RFC 2396 section 2.3, beside letters and digits: as upstream's Go library escapes


def escaped_url(content: bytes) -> str:
    """Return the URL that Butane's first version (fcos 1.0.0) makes of anything."""
    return "data:," + quote(content, safe=_UNRESERVED)


def data_url(content: bytes, *, compress: bool) -> tuple[str, str]:
    """Return the URL and its compression, "gzip" or "". `compress`: whether gzip may be used at all.

    The same bytes give the same URL everywhere: no time is in it.
    """
    body = escaped_url(content).removeprefix("data:")
    plain = ";base64," + base64.b64encode(content).decode()
    if len(plain) < len(body):
        body = plain
    if compress:
        packed = ";base64," + base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
        if len(packed) + len("gzip") < len(body):
            return f"data:{packed}", "gzip"
    return f"data:{body}", ""
