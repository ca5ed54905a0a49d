"""The ASGI application: takes requests in, has them decided, and answers once their changes are on disk.

Nodes come over TCP. What people may do (pause, release, unlock) is below /operator and is there on the Unix
socket in the state folder alone, which only the server's own user can open.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import FileResponse

from lab.updates.commit import Committer
from lab.updates.omaha.parse import LONGEST
from lab.updates.payloads import File
from lab.updates.router import TEXT, Answer, Asked, Router, broken, unavailable
from lab.updates.state import State
from lab.updates.store import Store, StoreError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)
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
        self._router = Router(state)
        self.committer = Committer(store, lambda: state.load(clock.now()))

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
        await _send(send, answer)

    async def tick(self, *, forget: bool = False) -> None:
        """What time alone does, and the state read again where it could not be. Raises StoreError."""
        if self.committer.stale and not self.committer.recover():
            return
        self.state.tick(self._clock.now())
        if forget:
            self.state.forget(self._clock.now())
        await self._commit()

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        operator = scope["server"][1] is None  # the Unix socket
        handle = self._router.handler(method, path, operator=operator)
        if isinstance(handle, Answer):
            return handle
        body = await _body(receive) if method == "POST" else b""
        if body is None:
            return Answer(413, TEXT, f"the body is longer than {LONGEST} bytes\n".encode())
        if self.committer.stale:
            return unavailable()
        lock = next((value for name, value in scope["headers"] if name == b"fleet-lock-protocol"), None)
        client = scope.get("client")
        address = str(client[0]) if client else ""
        asked = Asked(method, path, body, scope["query_string"], lock, address, operator)
        try:
            answer = handle(asked, self._clock.now())
        except Exception:
            _log.exception("a bug: %s %s", method, path)
            answer = broken()
        # Whatever became of the request: what was changed in memory goes to disk
        try:
            await self._commit()
        except StoreError as exc:
            _log.error("nothing can be answered: %s", exc)
            return unavailable()
        return answer

    async def _commit(self) -> None:
        if self.state.changes:
            await self.committer.committed(self.state.changes.take())

    async def _payload(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self._files.get(scope["path"].removeprefix(_PAYLOADS))
        if file is None:
            await _send(send, Answer(404, TEXT, b"no such payload\n"))
            return
        if scope["method"] not in ("GET", "HEAD"):
            await _send(send, Answer(405, TEXT, b"method not allowed\n"))
            return
        try:
            found = await asyncio.to_thread(file.path.stat)
            trouble = "" if file.unchanged(found) else "it is another file than the one that was hashed"
        except OSError as exc:
            trouble = f"it cannot be read: {exc.strerror}"
        if trouble:
            _log.error("%s: %s; start the update server again", file.path, trouble)
            await _send(send, Answer(503, TEXT, b"the payload has changed on the server\n"))
            return
        response = FileResponse(file.path, media_type="application/octet-stream", stat_result=found)
        await response(scope, receive, send)  # type: ignore[arg-type]  # its aliases are MutableMappings


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
                if size > LONGEST:
                    return None
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise _Gone from None


async def _send(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", answer.kind), (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
