"""A publisher's server over HTTP: small answers, bounded, and what it refuses as one sentence."""

import difflib
import json
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from lab.errors import InfrastructureError, UsageError
from pxe.assets.download import new_client

_MOST = 8 << 20  # bytes of an answer; lists of versions and extensions have some 100 KB
_SHOWN = 300  # characters of an error that a server writes


class Publisher:
    """The server at `base`, which is `what` (such as "an Image Factory") in messages.

    Methods raise UsageError for what it refuses or does not have, InfrastructureError where it does not
    answer, or not as what it should be.
    """

    def __init__(self, base: str, what: str, client: httpx.Client | None = None) -> None:
        self.base, self.what = base, what
        self._client = client

    def json(self, path: str) -> Any:
        """Return what the JSON at `path` holds."""
        try:
            return json.loads(self.ask("GET", path))
        except (ValueError, RecursionError):
            raise InfrastructureError(f"{self.base}{path}: not JSON; is it {self.what}?") from None

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the body of an answer."""
        url = self.base + path
        try:
            with self._connected() as client, client.stream(method, url, content=body or None) as response:
                if url.startswith("https:") and response.url.scheme != "https":
                    raise InfrastructureError(
                        f"{url}: redirects to {response.url}, which is not encrypted; refused"
                    )
                got = bytearray()
                for piece in response.iter_bytes():
                    got += piece
                    if len(got) > _MOST:
                        raise InfrastructureError(f"{url}: more than {_MOST} bytes; is it {self.what}?")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            raise InfrastructureError(f"{url}: {exc or type(exc).__name__}") from None
        if response.status_code >= 400:
            raise _refusal(url, response, bytes(got))
        return bytes(got)

    def _connected(self) -> AbstractContextManager[httpx.Client]:
        """The client that we were given, else one for this question: nothing stays open after it."""
        return nullcontext(self._client) if self._client is not None else new_client()


def _refusal(url: str, response: httpx.Response, body: bytes) -> UsageError | InfrastructureError:
    """What the server says, in its words: printable, one line, not long."""
    said = "".join(c if c.isprintable() else " " for c in body.decode("utf-8", "replace"))
    said = " ".join(said.split())[:_SHOWN]
    sentence = f"{url}: {response.status_code} {response.reason_phrase}{': ' + said if said else ''}"
    if response.status_code == 402:
        return UsageError(f"{sentence} (only the enterprise tier of Image Factory has it)")
    return UsageError(sentence) if response.status_code < 500 else InfrastructureError(sentence)


def check_upstream(url: str, what: str, *, example: str, allow_http: bool = False) -> str:
    """Return the address without a final slash; `what` and an `example` of it are for the message.

    Where nothing but TLS vouches for what comes, plain HTTP is for this host and private networks. Raises
    UsageError for others, but for `allow_http`.
    """
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
        raise UsageError(f"{url!r} is no address of {what}; write it like {example}")
    if parts.scheme == "http" and not allow_http and not _is_near(host):
        raise UsageError(
            f"{url}: without https anybody on the way may change the images; --allow-http takes it anyway"
        )
    return url.rstrip("/")


def nearest(word: str, known: Iterable[str], otherwise: Iterable[str] = ()) -> str:
    """Return which of `known` may have been meant, as the end of a sentence."""
    known = list(known)
    close = difflib.get_close_matches(word, known, 3)
    if close:
        return f"the nearest are {', '.join(close)}"
    return f"there are {', '.join(list(otherwise) or known) or 'none'}"


def _is_near(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost"
