import asyncio
import contextlib
import sqlite3
import threading

import pytest

from lab.errors import UsageError
from lab.updates import tables
from lab.updates.changes import Changes
from lab.updates.commit import Committer
from lab.updates.record import Record
from lab.updates.store import FILE_NAME, Store, StoreError


def changes(node="a", *, since=1.0, told=True):
    made = Changes()
    made.put("locks", ("g", node), ("g", node, since))
    if told:
        made.tell(since, "fleetlock/g", node, "locked", more="x")
    return made


def test_rows_and_events_come_back(tmp_path):
    with contextlib.closing(Store(tmp_path)) as store:
        store.save([changes("a"), changes("b"), changes("a", since=2.0)])
        gone = Changes()
        gone.put("locks", ("g", "b"), None)
        store.save([gone])
    with contextlib.closing(Store(tmp_path)) as store, contextlib.closing(Record(tmp_path)) as record:
        assert store.rows(tables.locks) == [("g", "a", 2.0)]
        assert [(e.seq, e.node, e.detail) for e in record.events()] == [
            (1, "a", {"more": "x"}),
            (2, "b", {"more": "x"}),
            (3, "a", {"more": "x"}),
        ]
        assert record.newest() == 3


def test_one_server_for_one_state(tmp_path):
    with contextlib.closing(Store(tmp_path)), pytest.raises(UsageError, match="another update server"):
        Store(tmp_path)
    Store(tmp_path).close()


def test_the_record_is_trimmed_and_numbers_are_not_given_twice(tmp_path):
    with contextlib.closing(Store(tmp_path)) as store:
        store.save([changes() for _ in range(10)])
        assert store.trim(3) == 7
        assert store.trim(0) == 3
        store.save([changes()])
        with contextlib.closing(Record(tmp_path)) as record:
            assert [event.seq for event in record.events()] == [11]


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(StoreError, match="not a database; move it away"):
        Store(tmp_path)


def test_another_schema_is_refused(tmp_path):
    Store(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute("UPDATE schema SET version = 9")
    with pytest.raises(StoreError, match="schema 9"):
        Store(tmp_path)


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be kept there"):
        Store(tmp_path / "file" / "state")


def test_there_is_nothing_to_read(tmp_path):
    with pytest.raises(StoreError, match="has `bootlab updates serve` run"):
        Record(tmp_path)


class SlowDisk:
    """A store whose transactions wait to be let through, or fail."""

    def __init__(self):
        self.saved, self.error, self.go = [], None, threading.Event()

    def save(self, batch):
        assert self.go.wait(60)
        if self.error is not None:
            raise self.error
        self.saved.append(len(batch))


async def let_through(committer, disk, count):
    waiting = [asyncio.create_task(committer.committed(changes(str(n)))) for n in range(count)]
    await asyncio.sleep(0)
    disk.go.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    await committer.close()
    return found


def test_what_waits_shares_a_transaction():
    disk, loads = SlowDisk(), []

    async def run():
        return await let_through(Committer(disk, lambda: loads.append(1)), disk, 20)

    assert asyncio.run(run()) == [None] * 20
    assert sum(disk.saved) == 20
    assert len(disk.saved) <= 2
    assert loads == []


def test_a_full_disk_fails_all_that_rests_on_it_and_memory_goes_back():
    disk, loads = SlowDisk(), []
    disk.error = StoreError("the disk is full")

    async def run():
        committer = Committer(disk, lambda: loads.append(1))
        found = await let_through(committer, disk, 5)
        return found, committer.stale

    found, stale = asyncio.run(run())
    assert [type(error) for error in found] == [StoreError] * 5
    assert loads
    assert not stale


def test_where_the_disk_cannot_be_read_either_nothing_is_decided_any_more():
    disk = SlowDisk()
    disk.error = StoreError("gone")

    def load():
        raise StoreError("gone")

    async def run():
        committer = Committer(disk, load)
        await let_through(committer, disk, 1)
        return committer

    committer = asyncio.run(run())
    assert committer.stale
