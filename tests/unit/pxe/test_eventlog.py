import json
import os
import threading
import time

import pytest

from pxe.errors import ServiceError
from pxe.eventlog import EventLog, JsonlFile, follow
from pxe.events import EventsLost, PlanChanged, TransferEnded, TransferStarted

_TRANSFER = {"transfer": "t1", "protocol": "http", "peer": "10.0.0.1:5", "name": "x", "size": 9}


def change(i):
    return PlanChanged(t_ns=i, mac=None, plan=f"p{i}")


@pytest.fixture
def log():
    return EventLog(capacity=5)


def test_numbers_rise_by_one_and_since_is_exclusive(log):
    assert log.since(0) == []
    for i in range(3):
        log.append(change(i))
    page = log.since(0)
    numbers = [seq for seq, _ in page]
    assert numbers == list(range(numbers[0], numbers[0] + 3))
    assert [event.plan for _, event in page] == ["p0", "p1", "p2"]
    assert log.since(numbers[0]) == page[1:]
    assert log.since(numbers[2]) == []
    assert log.newest() == numbers[2]


def test_an_overrun_is_reported_with_the_range_that_is_lost(log):
    log.append(change(0))
    (first, _), *_ = log.since(0)
    for i in range(1, 9):
        log.append(change(i))
    (at, lost), *rest = log.since(first)
    assert isinstance(lost, EventsLost)
    assert (lost.first, lost.last, at) == (first + 1, first + 3, first + 3)
    assert [seq for seq, _ in rest] == list(range(first + 4, first + 9))
    (_, lost), *_ = log.since(0)
    assert (lost.first, lost.last) == (first, first + 3)


def test_a_reader_of_an_earlier_service_is_told(log):
    older = log.newest() - 100
    log.append(change(0))
    (at, lost), (seq, event) = log.since(older)
    assert isinstance(lost, EventsLost)
    assert (lost.first, lost.last) == (older + 1, at)
    assert (seq, event.plan) == (at + 1, "p0")


def test_a_number_from_the_future_is_told(log):
    log.append(change(0))
    (at, lost), (seq, _) = log.since(log.newest() + 10**9)
    assert isinstance(lost, EventsLost)
    assert lost.last == at == seq - 1


def test_numbers_rise_from_log_to_log():
    first = EventLog()
    first.append(change(0))
    second = EventLog()
    assert second.newest() > first.newest() - 1


def test_waiting_ends_with_the_event(log):
    got, newest = [], log.newest()
    reader = threading.Thread(target=lambda: got.extend(log.since(newest, 60.0)))
    reader.start()
    log.append(change(7))
    reader.join(30)
    assert not reader.is_alive()
    assert [event.plan for _, event in got] == ["p7"]


def test_waiting_ends_with_the_time(log):
    began = time.monotonic()
    assert log.since(0, 0.02) == []
    assert time.monotonic() - began >= 0.02


def test_waiting_ends_with_the_log(log):
    reader = threading.Thread(target=log.since, args=(0, 600.0))
    reader.start()
    log.close()
    reader.join(30)
    assert not reader.is_alive()
    assert log.closed
    assert log.since(0, 600.0) == []


def test_transfers_under_way(log):
    started = TransferStarted(t_ns=1, **_TRANSFER)
    log.append(started)
    assert log.under_way() == [started]
    ended = TransferEnded(t_ns=2, sent=9, duration_ns=1, outcome="complete", **_TRANSFER)
    log.append(ended)
    log.append(ended)  # twice does no harm
    assert log.under_way() == []


def test_many_writers_lose_nothing():
    log = EventLog(capacity=4000)
    threads = [threading.Thread(target=lambda: [log.append(change(i)) for i in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page = log.since(0)
    assert len(page) == 4000
    assert [seq for seq, _ in page] == list(range(page[0][0], page[0][0] + 4000))


def test_a_follower_writes_all_to_a_file_until_the_log_closes(log, tmp_path):
    file = JsonlFile(tmp_path / "events.jsonl")
    log.append(change(1))
    follower = threading.Thread(target=follow, args=(log, file.write))
    follower.start()
    log.append(change(2))
    log.close()
    follower.join(30)
    file.close()
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["plan"] for line in lines] == ["p1", "p2"]
    assert lines[1]["seq"] == lines[0]["seq"] + 1
    assert lines[0]["kind"] == "plan-changed"


def test_an_events_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(ServiceError, match=r"events file .*: Is a directory"):
        JsonlFile(tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_logged_and_survived(log, caplog):
    from pathlib import Path

    file = JsonlFile(Path("/dev/full"))
    log.append(change(1))
    file.write(log.since(0))
    assert "No space left" in caplog.text
    file.close()
