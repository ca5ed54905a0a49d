"""The lines of machines: bounded, numbered, on disk, waited for."""

import json
import threading

import pytest

from pxe import machine_logs
from pxe.errors import ServiceError
from pxe.machine_logs import KEEP_CHARACTERS, KEEP_LINES, MachineLogs
from pxe.wire.logline import LogLine

MAC = "52:54:00:aa:00:01"


def said(*texts):
    return [LogLine(source="syslog", text=text, severity=6) for text in texts]


def texts(rows):
    return [row["text"] for row in rows]


def test_lines_come_back_in_order_with_numbers(tmp_path):
    logs = MachineLogs(tmp_path / "logs")
    logs.append(MAC, said("a", "b", "c"), 5)
    rows = logs.read(MAC, 0, 10)
    assert [(row["seq"], row["text"], row["t_ns"], row["severity"]) for row in rows] == [
        (1, "a", 5, 6), (2, "b", 5, 6), (3, "c", 5, 6),
    ]  # fmt: skip
    assert texts(logs.read(MAC, 1, 10)) == ["b", "c"]
    assert texts(logs.read(MAC, 0, 2)) == ["b", "c"]
    assert texts(logs.read(MAC, 1, 1)) == ["b"]
    assert logs.read("52:54:00:aa:00:02", 0, 10) == []


def test_numbers_and_lines_go_on_after_a_restart(tmp_path):
    MachineLogs(tmp_path).append(MAC, said("before"), 1)
    path = tmp_path / "52-54-00-aa-00-01.jsonl"
    path.write_bytes(path.read_bytes() + b'{"seq": 7, "te\n[1]\n\xff\n')  # the host lost power
    logs = MachineLogs(tmp_path)
    assert texts(logs.read(MAC, 0, 10)) == ["before"]
    logs.append(MAC, said("after"), 2)
    assert [(row["seq"], row["text"]) for row in logs.read(MAC, 0, 10)] == [(1, "before"), (2, "after")]


def test_memory_of_a_machine_is_bounded(tmp_path):
    logs = MachineLogs(tmp_path)
    for _ in range(3):
        logs.append(MAC, said(*(["x"] * KEEP_LINES)), 1)
    assert len(logs.read(MAC, 0, 10**6)) == KEEP_LINES
    logs.append(MAC, said(*(["y" * 2000] * 1000)), 1)
    assert sum(len(row["text"]) for row in logs.read(MAC, 0, 10**6)) <= KEEP_CHARACTERS


def test_files_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_logs, "FILE_BYTES", 2000)
    logs = MachineLogs(tmp_path)
    for n in range(200):
        logs.append(MAC, said(f"line {n}"), 1)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["52-54-00-aa-00-01.jsonl", "52-54-00-aa-00-01.jsonl.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 5000
    rows = MachineLogs(tmp_path).read(MAC, 0, 1000)
    assert texts(rows)[-1] == "line 199"
    assert [row["seq"] for row in rows] == list(range(rows[0]["seq"], 201))
    for path in tmp_path.iterdir():
        assert all(json.loads(line)["text"] for line in path.read_text().splitlines())


def test_the_machine_that_was_silent_the_longest_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_logs, "MAX_MACHINES", 3)
    logs = MachineLogs(tmp_path)
    for n in range(5):
        logs.append(f"52:54:00:aa:00:0{n}", said("x"), 1)
    assert sorted(path.name[-7] for path in tmp_path.iterdir()) == ["2", "3", "4"]


def test_a_full_disk_loses_nothing_in_memory(tmp_path, caplog):
    logs = MachineLogs(tmp_path)
    (tmp_path / "52-54-00-aa-00-01.jsonl").mkdir()
    logs.append(MAC, said("a"), 1)
    logs.append(MAC, said("b"), 1)
    assert texts(logs.read(MAC, 0, 10)) == ["a", "b"]
    assert caplog.text.count("cannot be written") == 1


def test_a_reader_waits_for_the_next_line_and_is_let_go(tmp_path):
    logs = MachineLogs(tmp_path)
    got = []
    reader = threading.Thread(target=lambda: got.extend(texts(logs.read(MAC, 0, 10, 60))))
    reader.start()
    logs.append("52:54:00:aa:00:02", said("another's"), 1)
    logs.append(MAC, said("mine"), 1)
    reader.join(60)
    assert got == ["mine"]
    waiter = threading.Thread(target=lambda: logs.read(MAC, 1, 10, 600))
    waiter.start()
    logs.close()
    waiter.join(60)
    assert not waiter.is_alive()


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match="folder of machines' logs"):
        MachineLogs(tmp_path / "file" / "logs")
