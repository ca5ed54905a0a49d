"""One WSGI callable for two listeners: which app answers is decided by the socket that took the connection.

The kernel says which socket that was, so no header can lead a machine to the operator's API.
"""

import re
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pxe.web.body import Body
from pxe.web.machine.scripts import LARGEST
from pxe.web.sending import Script
from pxe.web.streams import Streams, TakenOver

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Address = tuple[str, int] | str  # TCP address and port, or the path of a Unix socket

STREAM = "bootlab.stream"  # set by the operator's app: this answer is a stream, of (Streams, since)
_ANY = "0.0.0.0"
_QUICK_NAMES = 1024
_TOKENS = "/c/"  # each is asked for once
_ENCODED = re.compile(rb"[^!-~]|[%?]")  # what would have to be decoded


def _no_script(_name: str, _client: tuple[str, int]) -> None:
    return None


class Dispatcher:
    """Hands requests that came in at `api_address` to `operator`, all others to `machine` (None: 404).

    `script` makes what `quick` returns; it returns None for what the app must look at.
    """

    def __init__(
        self,
        machine: Wsgi | None,
        operator: Wsgi,
        api_address: Address,
        script: Callable[[str, tuple[str, int]], Script | None] = _no_script,
        streams: Sequence[Streams[Any]] = (),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._machine, self._operator, self._api = machine, operator, api_address
        self._tls = tls
        self._script, self._streams = script, streams
        self._quick: set[bytes] = set()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request, as PEP 3333 says."""
        # gunicorn sends by sendfile what is an instance of this class
        environ["wsgi.file_wrapper"] = Body
        app = self._operator if self._is_api(environ["gunicorn.socket"]) else self._machine
        if app is None:
            start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
            return ()
        if app is not self._machine:
            return self._operate(environ, start_response)
        target: str = environ.get("RAW_URI", "")
        answer = app(environ, start_response)
        self._note(target, answer)
        return answer

    def take(self, connection: socket.socket) -> bool:
        """Whether the answer on `connection` goes on without gunicorn, which then forgets the connection."""
        return any(streams.take(connection) for streams in self._streams)

    def _operate(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if isinstance(environ["gunicorn.socket"], ssl.SSLSocket):
            environ["wsgi.url_scheme"] = "https"  # gunicorn knows one scheme for all its listeners
        answer = self._operator(environ, start_response)
        if STREAM not in environ:
            return answer
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        streams, since = environ[STREAM]
        streams.hold(environ["gunicorn.socket"], since)
        raise TakenOver

    def tls_of(self, connection: socket.socket) -> ssl.SSLContext | None:
        """What a new connection is to be wrapped in; None: nothing."""
        if self._tls is None or connection.family == socket.AF_UNIX or not self._is_api(connection):
            return None
        return self._tls

    def quick(self, target: bytes, client: tuple[str, int], connection: socket.socket) -> Script | None:
        """Return the answer where it is a few bytes made in memory, as the last one to this target was: it
        reads no file, and does not outgrow a socket's buffer."""
        if target not in self._quick or self._is_api(connection):
            return None
        return self._script(target[1:].decode("ascii"), client)

    def _note(self, target: str, answer: Iterable[bytes]) -> None:
        """Learn it: only the app can tell what a name is to a machine, and the names are few."""
        key = target.encode("latin-1", "replace")
        made = isinstance(answer, Body) and answer.in_memory and answer.length <= LARGEST
        if not made or target.startswith(_TOKENS) or _ENCODED.search(key):
            self._quick.discard(key)
        elif len(self._quick) < _QUICK_NAMES:
            self._quick.add(key)

    def _is_api(self, connection: socket.socket) -> bool:
        if connection.family == socket.AF_UNIX:
            return True
        if isinstance(self._api, str):
            return False
        host, port = connection.getsockname()[:2]
        return port == self._api[1] and self._api[0] in (host, _ANY)
