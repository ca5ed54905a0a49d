"""Server-sent events to any number of browsers, from one thread.

A reader costs a socket and at most PAGE items, never a thread: gunicorn's threads are for machines. Readers
that are equally far share what was encoded once. The thread never waits for a reader. One that is slow is
left behind and reads on from the log's ring as it drains; where the ring has moved on, the log's own
EventsLost tells it so. Format: HTML Living Standard, section 9.2.
"""

import json
import logging
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from pxe.events import Event, to_json

_log = logging.getLogger(__name__)

READERS = 200
PAGE = 500  # items encoded at once, and what a reader may leave unread before it is left behind
KEEPALIVE_SECONDS = 15.0
_TICK_SECONDS = 0.05  # in pages: a wake-up for each event costs its sender more
_IDLE_SECONDS = 1.0
_DRAIN = 4096
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n"
    b"Connection: close\r\nX-Accel-Buffering: no\r\n\r\nretry: 1000\n\n"
)


Item = TypeVar("Item")


class Feed(Protocol[Item]):
    """What is streamed: numbered items, such as pxe.eventlog.EventLog has them."""

    @property
    def closed(self) -> bool:
        """Whether there will be no more."""

    def newest(self) -> int:
        """The number of the last item."""

    def since(self, seq: int) -> list[tuple[int, Item]]:
        """Items numbered above `seq`, in order."""


class TakenOver(StopIteration):
    """Raised to gunicorn instead of an answer: we send it ourselves. It ends its request without a word."""


class _Reader:
    """A browser: events up to `seq` are in `out` or sent."""

    def __init__(self, sock: socket.socket, seq: int) -> None:
        self.sock, self.seq = sock, seq
        self.out = memoryview(HEAD)
        self.spoke = time.monotonic()


class Streams(Generic[Item]):
    """Sends what `log` has, as `encode` puts it, to all readers; `serve` runs in a thread of its own."""

    def __init__(self, log: Feed[Item], encode: Callable[[Iterable[tuple[int, Item]]], bytes]) -> None:
        self._eventlog, self._encode = log, encode
        self._held: dict[socket.socket, int] = {}
        self._new: deque[_Reader] = deque()
        self._some = threading.Event()
        self._readers: dict[socket.socket, _Reader] = {}
        self._seq = 0
        self._backlog = False  # whether some reader could go on at once
        self._pages: dict[int, tuple[memoryview, int]] = {}  # of this step, by the number before them

    @property
    def full(self) -> bool:
        """Whether there are as many readers as there may be."""
        return len(self._readers) + len(self._new) + len(self._held) >= READERS

    def count(self) -> int:
        """How many readers there are."""
        return len(self._readers)

    def hold(self, sock: socket.socket, since: int) -> None:
        """A reader asked for events above `since`; its socket is gunicorn's until `take`."""
        self._held[sock] = since

    def take(self, sock: socket.socket) -> bool:
        """Whether `sock` is a reader's; from now on it is ours, and closed by us."""
        since = self._held.pop(sock, None)
        if since is None:
            return False
        sock.setblocking(False)
        self._new.append(_Reader(sock, since))
        self._some.set()
        return True

    def serve(self) -> None:
        """Send until the log is closed, and then what is left."""
        with selectors.DefaultSelector() as poller:
            while not self._eventlog.closed:
                if not (self._readers or self._new):
                    self._seq = 0
                    self._some.wait(_IDLE_SECONDS)
                    continue
                self._some.clear()
                self._step(poller)
            self._step(poller)
            for sock in [*self._readers, *(reader.sock for reader in self._new), *self._held]:
                sock.close()

    def _step(self, poller: selectors.BaseSelector) -> None:
        while self._new:
            reader = self._new.popleft()
            self._readers[reader.sock] = reader
            poller.register(reader.sock, selectors.EVENT_READ)
        before = self._seq or self._eventlog.newest()
        self._pages.clear()
        self._backlog = False
        _, self._seq = self._page(before)
        now = time.monotonic()
        for reader in list(self._readers.values()):
            self._fill(reader, now)
            self._send(reader, poller)
        for key, ready in poller.select(0 if self._backlog else _TICK_SECONDS):
            assert isinstance(key.fileobj, socket.socket)
            if ready & selectors.EVENT_READ and not _is_there(key.fileobj):
                self._let_go(key.fileobj, poller)

    def _fill(self, reader: _Reader, now: float) -> None:
        """Give a reader that has sent all it had what comes next."""
        if reader.out:
            return
        if reader.seq != self._seq:
            reader.out, reader.seq = self._page(reader.seq)
        if reader.out:
            reader.spoke = now
        elif now - reader.spoke > KEEPALIVE_SECONDS:
            reader.out, reader.spoke = memoryview(b": still here\n\n"), now

    def _page(self, seq: int) -> tuple[memoryview, int]:
        """The next items above `seq`, PAGE at most, and the number of the last one; the same for all readers
        that ask within one step."""
        known = self._pages.get(seq)
        if known is None:
            page = self._eventlog.since(seq)[:PAGE]
            last = page[-1][0] if page else seq
            self._backlog |= len(page) == PAGE
            known = self._pages[seq] = memoryview(self._encode(page)), last
        return known

    def _send(self, reader: _Reader, poller: selectors.BaseSelector) -> None:
        try:
            while reader.out:
                reader.out = reader.out[reader.sock.send(reader.out) :]
        except _NOT_NOW:
            pass
        except OSError:
            self._let_go(reader.sock, poller)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if reader.out else 0)
        if poller.get_key(reader.sock).events != wanted:
            poller.modify(reader.sock, wanted)

    def _let_go(self, sock: socket.socket, poller: selectors.BaseSelector) -> None:
        if self._readers.pop(sock, None) is not None:
            poller.unregister(sock)
            sock.close()


def encoded(page: Iterable[tuple[int, Event]]) -> bytes:
    """Return events as a stream has them: `id` is the number, `event` the kind, `data` as in GET /events."""
    return "".join(
        f"id: {seq}\nevent: {event.kind}\ndata: {json.dumps({'seq': seq, **to_json(event)})}\n\n"
        for seq, event in page
    ).encode()


def _is_there(sock: socket.socket) -> bool:
    """Whether the other side still reads. It has nothing to say any more: what it sends is dropped."""
    try:
        return bool(sock.recv(_DRAIN))
    except _NOT_NOW:
        return True
    except OSError:
        return False
