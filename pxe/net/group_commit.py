"""Leases on their way to the disk: one batch is stored in a thread of its own while the next one gathers.

So whoever only asks (DISCOVER) never waits for a disk, and the longer a disk takes, the more leases share its
next commit. What waits for a lease (its ACK) goes on once `outcome` hands it back, and not before.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, TypeVar

from pxe.boot.lease_records import Lease
from pxe.errors import ServiceError

_ROOM: Final = 4096  # leases that gather, before no more are to be added

_Item = TypeVar("_Item")


class GroupCommit(Generic[_Item]):
    """`save` stores leases, all or none, and returns once they are on disk; `done` is called then, in its
    thread. Everything else is for one thread.
    """

    def __init__(self, save: Callable[[Sequence[Lease]], None], done: Callable[[], None]) -> None:
        self._save, self._done = save, done
        self._thread = ThreadPoolExecutor(1, "bootlab-leases")
        self._gathering: list[tuple[Lease, _Item]] = []
        self._storing: list[tuple[Lease, _Item]] = []
        self._job: Future[None] | None = None

    def add(self, lease: Lease, item: _Item) -> None:
        """Have `lease` stored with the next batch, and `item` handed back with it."""
        self._gathering.append((lease, item))

    @property
    def full(self) -> bool:
        """Whether so many gather that the disk must catch up first."""
        return len(self._gathering) >= _ROOM

    @property
    def outstanding(self) -> bool:
        """Whether something is not on disk yet, or was not handed back."""
        return bool(self._gathering or self._storing)

    def begin(self) -> None:
        """Store what has gathered, unless a batch is under way."""
        if self._job is not None or not self._gathering:
            return
        self._storing, self._gathering = self._gathering, []
        self._job = self._thread.submit(self._save, [lease for lease, _ in self._storing])
        self._job.add_done_callback(lambda _job: self._done())

    def outcome(self, *, wait: bool = False) -> tuple[list[tuple[Lease, _Item]], ServiceError | None]:
        """Return the batch that was stored, with the reason where the disk took none of it; empty where none
        is ready. Raises what `save` raised that is no ServiceError: a fault of ours.
        """
        if self._job is None or not (wait or self._job.done()):
            return [], None
        fault = self._job.exception()
        if fault is not None and not isinstance(fault, ServiceError):
            raise fault
        batch, self._storing, self._job = self._storing, [], None
        return batch, fault

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False)
