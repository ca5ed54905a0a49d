"""The transfers under way: found by socket, by client, by file; and whom to drop when there are too many."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from pxe.net import udp
from pxe.net.tftp_session import Session

IDLE: Final = 5.0  # seconds without progress after which a transfer may be dropped for one that can go on
RECENT: Final = 4096  # clients whose late packets are no strangers'


class SessionTable:
    """At most `limit` sessions. Owns nothing: whoever takes a session out closes it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.by_fd: dict[int, Session] = {}
        self.by_peer: dict[udp.Address, Session] = {}
        self._by_file: dict[tuple[str, str], Session] = {}  # (address, name): the newest
        self._unanswered: OrderedDict[str, Session] = OrderedDict()  # by ident, the oldest first
        self._recent: OrderedDict[udp.Address, None] = OrderedDict()
        self._scanned_at = -1.0

    def __len__(self) -> int:
        return len(self.by_peer)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self.by_peer.values()))

    def add(self, session: Session) -> None:
        """Take in a session; its peer must have none."""
        if session.port.sock is not None:
            self.by_fd[session.port.sock.fileno()] = session
        self.by_peer[session.peer] = session
        self._by_file[session.peer[0], session.name] = session
        self._unanswered[session.ident] = session
        self._recent.pop(session.peer, None)

    def remove(self, session: Session) -> None:
        """Let go of a session whose socket is still open."""
        if session.port.sock is not None:
            self.by_fd.pop(session.port.sock.fileno(), None)
        if self.by_peer.get(session.peer) is session:
            del self.by_peer[session.peer]
        key = (session.peer[0], session.name)
        if self._by_file.get(key) is session:
            del self._by_file[key]
        self._unanswered.pop(session.ident, None)
        self._recent[session.peer] = None
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    def was_here(self, peer: udp.Address) -> bool:
        """Whether a transfer of this client ended a while ago: what it still sends is late, not strange."""
        return peer in self._recent

    def same_file(self, peer: udp.Address, name: str) -> Session | None:
        """The newest session of the client's address for that file, from whatever port."""
        return self._by_file.get((peer[0], name))

    def victim(self, now: float) -> Session | None:
        """Return whom to drop for a new client, None where everybody is at work.

        First the oldest that never answered: whoever floods us with requests, from addresses that are not
        his or without interest in the answer, drops himself. An honest client answers within a round trip.
        Then whoever made no progress for IDLE seconds.
        """
        while self._unanswered:
            _, session = self._unanswered.popitem(last=False)
            if not session.transfer.answered:
                return session
        if now - self._scanned_at < IDLE / 10:
            return None  # a flood of requests must not make us look through all, each time
        found = min(self.by_peer.values(), key=lambda s: s.transfer.progress_at, default=None)
        if found is not None and now - found.transfer.progress_at >= IDLE:
            return found
        self._scanned_at = now
        return None
