"""The ASGI application: routes requests to the pure servers, and answers once their changes are on disk.

Nodes come over TCP. What people may do (pause, release, unlock) is below /operator and is there on the Unix
socket in the state folder alone, which only the server's own user can open.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import FileResponse

from lab.errors import UsageError
from lab.updates import control
from lab.updates.cincinnati.graph import render_error
from lab.updates.cincinnati.query import QueryError
from lab.updates.cincinnati.query import parse as parse_query
from lab.updates.commit import Committer
from lab.updates.fleetlock import request as lock_request
from lab.updates.fleetlock.request import LockError
from lab.updates.omaha import parse as omaha_request
from lab.updates.omaha.render import render
from lab.updates.payloads import File
from lab.updates.state import State
from lab.updates.store import Store, StoreError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, bytes, bytes]  # status, content type, body
Handler = Callable[[Scope, bytes], Answer]

_log = logging.getLogger(__name__)
_XML, _JSON, _TEXT = b"text/xml; charset=utf-8", b"application/json", b"text/plain; charset=utf-8"
_BODY_SECONDS = 30.0
_PAYLOADS = "/payloads/"


class _Gone(Exception):
    """The client went away before its request was whole."""


class WallClock:
    """Seconds since 1970, read once: a clock that is set while we run moves no lease (docs/adr/0005)."""

    def __init__(self) -> None:
        self._began = time.time() - time.monotonic()

    def now(self) -> float:
        """Now."""
        return self._began + time.monotonic()


class Service:
    """One server. `app` is the ASGI application."""

    def __init__(self, state: State, store: Store, files: dict[str, File], clock: WallClock) -> None:
        self.state, self._files, self._clock = state, files, clock
        self.committer = Committer(store, lambda: state.load(clock.now()))
        self._routes: dict[tuple[str, str], Handler] = {
            ("POST", "/v1/update"): self._omaha,
            ("POST", "/v1/update/"): self._omaha,
            ("GET", "/v1/graph"): self._graph,
            ("POST", "/v1/pre-reboot"): self._pre_reboot,
            ("POST", "/v1/steady-state"): self._steady_state,
        }
        self._paths = {path for _, path in self._routes}

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] != "http":
            return
        try:
            if scope["path"].startswith(_PAYLOADS):
                await self._payload(scope, receive, send)
                return
            answer = await self._answer(scope, receive)
        except _Gone:
            return
        await _send(send, *answer)

    async def tick(self) -> None:
        """What time alone does, and the state read again where it could not be."""
        if self.committer.stale and not self.committer.recover():
            return
        self.state.tick(self._clock.now())
        await self._commit()

    async def commit(self) -> None:
        """Put on disk what was changed outside of a request. Raises StoreError."""
        await self._commit()

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        if scope["server"][1] is None and path.startswith("/operator/"):
            handle: Handler = self._operator
        elif path not in self._paths:
            return 404, _TEXT, b"not found\n"
        elif (method, path) not in self._routes:
            return 405, _TEXT, b"method not allowed\n"
        else:
            handle = self._routes[method, path]
        body = await _body(receive) if method == "POST" else b""
        if body is None:
            return 413, _TEXT, f"the body is longer than {omaha_request.LONGEST} bytes\n".encode()
        if self.committer.stale:
            return _unavailable()
        try:
            answer = handle(scope, body)
        except Exception:
            _log.exception("a bug: %s %s", method, path)
            answer = 500, _JSON, render_error("internal", "a bug of the update server; its log has more")
        # Whatever became of the request: what was changed in memory goes to disk
        try:
            await self._commit()
        except StoreError as exc:
            _log.error("nothing can be answered: %s", exc)
            return _unavailable()
        return answer

    async def _commit(self) -> None:
        if self.state.changes:
            await self.committer.committed(self.state.changes.take())

    def _omaha(self, scope: Scope, body: bytes) -> Answer:
        try:
            request = omaha_request.parse(body)
        except omaha_request.OmahaError as exc:
            return 400, _TEXT, f"no Omaha request: {exc}\n".encode()
        now = self._clock.now()
        return 200, _XML, render(self.state.omaha.handle(request, _address(scope), now), now)

    def _graph(self, scope: Scope, _body: bytes) -> Answer:
        try:
            query = parse_query(scope["query_string"])
            return 200, _JSON, self.state.cincinnati.handle(query, _address(scope), self._clock.now())
        except QueryError as exc:
            return (404 if exc.kind.startswith("unknown") else 400), _JSON, render_error(exc.kind, str(exc))

    def _pre_reboot(self, scope: Scope, body: bytes) -> Answer:
        return self._lock(scope, body, self.state.fleetlock.pre_reboot)

    def _steady_state(self, scope: Scope, body: bytes) -> Answer:
        return self._lock(scope, body, self.state.fleetlock.steady_state)

    def _lock(self, scope: Scope, body: bytes, act: Callable[[lock_request.Client, float], None]) -> Answer:
        header = next((value for name, value in scope["headers"] if name == b"fleet-lock-protocol"), None)
        try:
            act(lock_request.parse(header, body), self._clock.now())
        except LockError as exc:
            return exc.status, _JSON, render_error(exc.kind, str(exc))
        return 200, _JSON, b""

    def _operator(self, scope: Scope, body: bytes) -> Answer:
        try:
            control.act(self.state, scope["path"].removeprefix("/operator/"), body, self._clock.now())
        except UsageError as exc:
            return 400, _JSON, render_error("usage", str(exc))
        return 200, _JSON, b"{}"

    async def _payload(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self._files.get(scope["path"].removeprefix(_PAYLOADS))
        if file is None or scope["method"] not in ("GET", "HEAD"):
            await _send(
                send, *((404, _TEXT, b"no such payload\n") if file is None else (405, _TEXT, b"GET it\n"))
            )
            return
        try:
            found = await asyncio.to_thread(file.path.stat)
        except OSError as exc:
            found, reason = None, f"it cannot be read: {exc.strerror}"
        if found is None or not file.unchanged(found):
            reason = reason if found is None else "it is another file than the one that was hashed"
            _log.error("%s: %s; start the update server again", file.path, reason)
            await _send(send, 503, _TEXT, b"the payload has changed on the server\n")
            return
        response = FileResponse(file.path, media_type="application/octet-stream", stat_result=found)
        await response(scope, receive, send)  # type: ignore[arg-type]  # its aliases are MutableMappings


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _unavailable() -> Answer:
    """update_engine backs off at 503; Zincati tries again in five minutes."""
    return 503, _JSON, render_error("storage", "the state cannot be written; the server's log says why")


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None where it is too long. Raises _Gone where it ends early, or does not end."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > omaha_request.LONGEST:
                    return None
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise _Gone from None


async def _send(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
