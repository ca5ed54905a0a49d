"""Group commit: what was decided while the disk was busy is one transaction; after it the answers leave."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lab.updates.changes import Changes
from lab.updates.store import Store, StoreError


class Committer:
    """Stores changes in the order in which they are given. For one event loop.

    A failed write fails everything that was decided since, for it may rest on what is not on disk; then
    `reload` puts the state in memory back to what is.
    """

    def __init__(self, store: Store, reload: Callable[[], None]) -> None:
        self._store, self._reload = store, reload
        self._waiting: list[Changes] = []
        self._done: asyncio.Future[None] | None = None  # of those that wait
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "bootlab-updates-store")
        self.transactions = self.committed_changes = 0
        self.stale = False  # memory is ahead of the disk, and the disk cannot be read

    async def committed(self, changes: Changes) -> None:
        """Return once they are on disk. Raises StoreError where they are not, and never will be."""
        self._waiting.append(changes)
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        await asyncio.shield(self._done)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, done = self._waiting, self._done
                assert done is not None
                self._waiting, self._done = [], None
                try:
                    await loop.run_in_executor(self._thread, self._store.save, batch)
                except StoreError as exc:
                    self._fail(done, exc)
                else:
                    self.transactions += 1
                    self.committed_changes += len(batch)
                    done.set_result(None)
        finally:
            self._task = None

    def _fail(self, done: "asyncio.Future[None]", error: StoreError) -> None:
        later, self._waiting, self._done = self._done, [], None
        for future in (done, later):
            if future is not None:
                future.set_exception(error)
                future.exception()  # its waiters may be gone
        self.recover()

    def recover(self) -> bool:
        """Read the state again; False where that fails: nothing may be decided until it does not."""
        try:
            self._reload()
            self.stale = False
        except StoreError:
            self.stale = True
        return not self.stale

    async def run(self, work: Callable[[], object]) -> None:
        """Run other work on the store, between two transactions. Raises what it raises."""
        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Wait until everything is on disk."""
        while self._task is not None:
            await asyncio.wait([self._task])
        self._thread.shutdown()
