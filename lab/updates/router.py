"""A request -> the server that it is for -> an answer. No socket, no clock, no disk: who calls has those."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import UsageError
from lab.updates import control
from lab.updates.cincinnati.graph import render_error
from lab.updates.cincinnati.query import QueryError
from lab.updates.cincinnati.query import parse as parse_query
from lab.updates.fleetlock.request import Client, LockError
from lab.updates.fleetlock.request import parse as parse_lock
from lab.updates.omaha.parse import OmahaError
from lab.updates.omaha.parse import parse as parse_omaha
from lab.updates.omaha.render import render
from lab.updates.state import State

_XML, _JSON, TEXT = b"text/xml; charset=utf-8", b"application/json", b"text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its whole body. `lock_header`: of fleet-lock-protocol; `operator`: who may do all."""

    method: str
    path: str
    body: bytes = b""
    query: bytes = b""
    lock_header: bytes | None = None
    address: str = ""
    operator: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status, the type of the content, and the content."""

    status: int
    kind: bytes
    body: bytes


Handler = Callable[[Asked, float], Answer]


class Router:
    """Routes; what a request changes waits in `state.changes`, also where the answer is a refusal."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._routes: dict[str, tuple[str, Handler]] = {
            "/v1/update": ("POST", self._omaha),
            "/v1/update/": ("POST", self._omaha),
            "/v1/graph": ("GET", self._graph),
            "/v1/pre-reboot": ("POST", self._pre_reboot),
            "/v1/steady-state": ("POST", self._steady_state),
        }

    def handler(self, method: str, path: str, *, operator: bool) -> Handler | Answer:
        """Who answers such a request, or the answer that nobody does."""
        if operator and path.startswith("/operator/"):
            return self._operator
        wanted, handle = self._routes.get(path, ("", None))
        if handle is None:
            return Answer(404, TEXT, b"not found\n")
        if method != wanted:
            return Answer(405, TEXT, b"method not allowed\n")
        return handle

    def answer(self, asked: Asked, now: float) -> Answer:
        """Decide."""
        handle = self.handler(asked.method, asked.path, operator=asked.operator)
        return handle if isinstance(handle, Answer) else handle(asked, now)

    def _omaha(self, asked: Asked, now: float) -> Answer:
        try:
            request = parse_omaha(asked.body)
        except OmahaError as exc:
            return Answer(400, TEXT, f"no Omaha request: {exc}\n".encode())
        return Answer(200, _XML, render(self.state.omaha.handle(request, asked.address, now), now))

    def _graph(self, asked: Asked, now: float) -> Answer:
        try:
            query = parse_query(asked.query)
            return Answer(200, _JSON, self.state.cincinnati.handle(query, asked.address, now))
        except QueryError as exc:
            status = 404 if exc.kind.startswith("unknown") else 400
            return Answer(status, _JSON, render_error(exc.kind, str(exc)))

    def _pre_reboot(self, asked: Asked, now: float) -> Answer:
        return self._lock(asked, now, self.state.fleetlock.pre_reboot)

    def _steady_state(self, asked: Asked, now: float) -> Answer:
        return self._lock(asked, now, self.state.fleetlock.steady_state)

    def _lock(self, asked: Asked, now: float, act: Callable[[Client, float], None]) -> Answer:
        try:
            act(parse_lock(asked.lock_header, asked.body), now)
        except LockError as exc:
            return Answer(exc.status, _JSON, render_error(exc.kind, str(exc)))
        return Answer(200, _JSON, b"")

    def _operator(self, asked: Asked, now: float) -> Answer:
        try:
            control.act(self.state, asked.path.removeprefix("/operator/"), asked.body, now)
        except UsageError as exc:
            return Answer(400, _JSON, render_error("usage", str(exc)))
        return Answer(200, _JSON, b"{}")


def unavailable() -> Answer:
    """update_engine backs off at 503; Zincati tries again in five minutes."""
    value = "the state cannot be written; the server's log says why"
    return Answer(503, _JSON, render_error("storage", value))


def broken() -> Answer:
    """After a bug."""
    return Answer(500, _JSON, render_error("internal", "a bug of the update server; its log has more"))
