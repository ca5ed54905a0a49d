"""HTTP, as little as is needed: what a URL has, and how large it is. No redirects, no TLS."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

from lab.refos.guest.model import PlatformError

_LARGEST = 1 << 20  # bytes


async def get(url: str, seconds: float = 180.0) -> tuple[int, bytes]:
    """Return status and body, of 1 MiB at most. Raises PlatformError where nobody answers."""
    status, _, body = await asyncio.to_thread(_request, "GET", url, seconds)
    if len(body) > _LARGEST:
        raise PlatformError(f"{_host(url)} sent more than {_LARGEST} bytes")
    return status, body


async def size_of(url: str, seconds: float = 20.0) -> int | None:
    """Return how many bytes a URL has, None where that cannot be told: no http://, no length, no answer."""
    if not url.startswith("http://"):
        return None
    try:
        status, length, _ = await asyncio.to_thread(_request, "HEAD", url, seconds)
    except PlatformError:
        return None  # whoever fetches it says what is wrong
    return int(length) if status == 200 and length.isascii() and length.isdecimal() else None


def _request(method: str, url: str, seconds: float) -> tuple[int, str, bytes]:
    """Return status, Content-Length and body."""
    from http.client import HTTPConnection, HTTPException  # a third of a second of an emulated board's boot

    parts = urlsplit(url)
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    try:
        connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=seconds)
    except (HTTPException, ValueError) as error:
        raise PlatformError(f"{url} is no URL: {error}") from None
    try:
        connection.request(method, target, headers={"User-Agent": "refos"})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Length", ""), answer.read(_LARGEST + 1)
    except (OSError, HTTPException, ValueError) as error:
        raise PlatformError(f"{_host(url)} gave no answer: {error}") from None
    finally:
        connection.close()


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
