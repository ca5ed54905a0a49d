"""Runs the service under uvicorn, until SIGINT or SIGTERM: all sockets or none."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator

import httpx
import uvloop

from lab.asgi import Server, bound
from lab.errors import InfrastructureError
from lab.updates.control import SOCKET_NAME
from lab.updates.payloads import hash_payloads, packages
from lab.updates.service import Service, WallClock
from lab.updates.settings import LockGroup, Settings
from lab.updates.state import State
from lab.updates.store import Store, StoreError
from pxe.net.udp import raise_fd_limit

_log = logging.getLogger(__name__)
_TICK_SECONDS = 1.0
_TRIM_TICKS = 600
_NODES_AT_ONCE = 20_000  # connections


def serve(settings: Settings, tell: Callable[[str], None]) -> None:
    """Serve until a signal ends it; `tell` gets one line once everything is bound.

    Raises UsageError for payloads that cannot be read, StoreError, InfrastructureError for sockets.
    """
    files = hash_payloads(settings.apps, settings.state, _log.info)
    with contextlib.closing(Store(settings.state)) as store, _sockets(settings) as sockets:
        state = State(settings, packages(settings.apps, files, settings.url), store)
        clock = WallClock()
        state.load(clock.now())
        served = state.announce(clock.now())
        store.save([state.changes.take()])
        store.describe(served)  # after it: a limit that is noted here is not told again
        raise_fd_limit(_NODES_AT_ONCE + 64)
        service = Service(state, store, files, clock)
        port = sockets[0].getsockname()[1]
        words = f"update servers on {settings.address} port {port}, for nodes at {settings.url}"
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(service, store, sockets, lambda: tell(words)))


async def _run(
    service: Service, store: Store, sockets: list[socket.socket], ready: Callable[[], None]
) -> None:
    others = [asyncio.create_task(_ticking(service, store))]
    others += [
        asyncio.create_task(_watch(service, group))
        for group in service.state.settings.locks
        if group.health_url
    ]
    try:
        server = Server(service.app, connections=_NODES_AT_ONCE, end_seconds=5)
        await server.run_until_signal(sockets, ready)
    finally:
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await service.committer.close()


async def _ticking(service: Service, store: Store) -> None:
    keep, count = service.state.settings.keep_events, 0
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        count += 1
        try:
            await service.tick(forget=count % _TRIM_TICKS == 1)
            if count % _TRIM_TICKS == 0:
                await service.committer.run(lambda: store.trim(keep))
        except StoreError as exc:
            _log.error("%s", exc)


async def _watch(service: Service, group: LockGroup) -> None:
    """Ask the group's health check again and again; what fails is what people read."""
    async with httpx.AsyncClient(timeout=group.health_seconds, follow_redirects=False) as client:
        while True:
            try:
                answer = await client.get(group.health_url)
                reason = "" if answer.is_success else f"{group.health_url} answers {answer.status_code}"
            except httpx.HTTPError as exc:
                reason = f"{group.health_url} does not answer ({type(exc).__name__})"
            service.state.unhealthy(group.name, reason)
            await asyncio.sleep(group.health_seconds)


@contextlib.contextmanager
def _sockets(settings: Settings) -> Iterator[list[socket.socket]]:
    """TCP for nodes, and the Unix socket for people."""
    path = settings.state / SOCKET_NAME
    with bound(settings.address, settings.port) as tcp, socket.socket(socket.AF_UNIX) as unix:
        path.unlink(missing_ok=True)  # the lock of the state is ours: nobody listens there
        former = os.umask(0o177)
        try:
            unix.bind(str(path))
        except OSError as exc:
            raise InfrastructureError(f"{path}: cannot be bound: {exc.strerror or exc}") from exc
        finally:
            os.umask(former)
        unix.listen()
        try:
            yield [tcp, unix]
        finally:
            path.unlink(missing_ok=True)
