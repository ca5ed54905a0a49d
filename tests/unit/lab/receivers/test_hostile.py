"""Senders that mean no good: none ends the receivers, fills the disk, or shuts others out."""

import asyncio
import json
import random
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest
from google.protobuf.any_pb2 import Any as Packed
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from hypothesis import given
from hypothesis import strategies as st

from lab.clients.talos import kernellog, sink
from lab.clients.talos.events import decode
from lab.clients.talos.kernellog import parse
from lab.machineapi.events_grpc import EventSinkServiceStub
from lab.machineapi.events_pb2 import EventRequest
from lab.receivers import notebook, service
from lab.receivers.notebook import Notebook

LINE = json.dumps({"msg": "hello", "clock": 1, "seq": 2, "priority": 6}).encode() + b"\n"


def kernel(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), 60) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        try:
            while sock.recv(65536):
                pass
        except ConnectionError:
            pass


def test_lines_over_tcp_and_udp(receivers):
    kernel(receivers.kernel, LINE * 2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(LINE.strip(), ("127.0.0.1", receivers.kernel))
    for record in receivers.until("kernel", 3):
        assert (record["message"], record["clock_us"], record["node"]) == ("hello", 1, "127.0.0.1")


def test_a_line_of_a_megabyte_is_cut_off_and_said(receivers):
    with (
        pytest.raises(OSError, match=r"reset|Broken pipe"),
        socket.create_connection(("127.0.0.1", receivers.kernel), 60) as sock,
    ):
        sock.sendall(b"x" * (64 << 20))
    assert "a line of more than 65536 bytes" in receivers.until("kernel", 1)[0]["fault"]
    kernel(receivers.kernel, LINE)
    assert receivers.until("kernel", 2)[1]["message"] == "hello"


def test_bytes_that_are_no_text(receivers):
    kernel(receivers.kernel, b'{"msg": "\xff\xc3"}\n{"msg": "\x1b[2J"}\n\x00\xff\n{"msg": 1}\n[]\n')
    records = receivers.until("kernel", 5)
    assert records[0]["message"] == "\ufffd\ufffd"
    assert all(record["fault"] for record in records[1:])
    assert "\x1b" not in "".join(record.get("message", "") for record in records)


def has_ended(sock: socket.socket) -> bool:
    sock.settimeout(0.3)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


def test_one_that_hangs_takes_nobody_s_room(receivers, monkeypatch):
    for module in (kernellog, sink):
        monkeypatch.setattr(module, "_MAX_OF_ONE", 3)
        monkeypatch.setattr(module, "_MAX_CONNECTIONS", 5)
    with ExitStack() as stack:
        hanging = []
        for port in (receivers.kernel, receivers.events, receivers.siderolink):
            for _ in range(6):
                hanging.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), 60)))
        # Those that are one too many are cut at once; of gRPC the others are sent its settings
        assert [has_ended(sock) for sock in hanging].count(True) == 9
        other = stack.enter_context(socket.socket())
        other.bind(("127.0.0.9", 0))
        other.connect(("127.0.0.1", receivers.kernel))
        other.sendall(LINE)
        assert receivers.until("kernel", 1)[0]["node"] == "127.0.0.9"


def test_garbage_on_every_port(receivers, caplog):
    dice = random.Random(4)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for round_ in range(30):
        data = dice.randbytes(dice.randrange(1, 4000))
        for port in (receivers.kernel, receivers.events, receivers.siderolink):
            kernel(port, (preface if round_ % 2 else b"") + data)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(50):
            sock.sendto(dice.randbytes(dice.randrange(1, 4000)), ("127.0.0.1", receivers.kernel))
    wait_for(receivers, lambda records: any(record.get("message") == "hello" for record in records))
    assert not [record for record in caplog.records if record.exc_info]


def wait_for(receivers, wanted):
    """Send lines until the records are what is wanted."""
    deadline = monotonic() + 60
    while not wanted(receivers.records("kernel")):
        assert monotonic() < deadline
        kernel(receivers.kernel, LINE)


def test_a_flood_is_counted_and_not_kept(receivers):
    most = service.RECORDS[0]
    kernel(receivers.kernel, LINE * (3 * most))
    wait_for(receivers, lambda records: sum(record.get("left_out", 0) for record in records) > most)
    assert len(receivers.records("kernel")) < 3 * most


def test_files_are_turned_over(tmp_path, monkeypatch):
    monkeypatch.setattr(notebook, "FILE_BYTES", 500)
    book = Notebook(tmp_path / "n")
    for number in range(100):
        book.write("kernel", {"number": number})
    old, new = tmp_path / "n/kernel.jsonl.1", tmp_path / "n/kernel.jsonl"
    files = [path for path in (old, new) if path.exists()]  # the last line may have been one that turns over
    assert old in files
    assert set(files) == set((tmp_path / "n").iterdir())
    assert max(path.stat().st_size for path in files) < 700
    assert json.loads(files[-1].read_text().splitlines()[-1])["number"] == 99


def test_a_full_disk_is_said_once_and_ends_nothing(tmp_path: Path, caplog):
    book = Notebook(tmp_path / "n")
    (tmp_path / "n/kernel.jsonl").symlink_to("/dev/full")
    for _ in range(3):
        book.write("kernel", {"a": 1})
    assert [record.message for record in caplog.records] == [
        f"what nodes say cannot be written to {tmp_path}/n/kernel.jsonl: No space left on device"
    ]


@given(st.binary(max_size=2000))
def test_any_line_is_a_record(data: bytes) -> None:
    record = parse(0, "10.0.0.5", data)
    assert record.message.isprintable() or "\n" in record.message or "\t" in record.message
    json.dumps(record.message)


@given(st.binary(max_size=300), st.text(max_size=40), st.sampled_from(["SequenceEvent", "AddressEvent", "X"]))
def test_any_event_is_written(value: bytes, id: str, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        hearing = service.Hearing(Notebook(Path(folder)), None)
        hearing.event(decode(0, "n", Packed(type_url=f"x/machine.{kind}", value=value), id, ""))
        hearing.event(decode(0, "n", Packed(type_url=f"talos/runtime/machine.{kind}", value=value), id, ""))
        lines = Path(folder, "events.jsonl").read_text().split("\n")
        assert [json.loads(line)["node"] for line in lines[:-1]] == ["n", "n"]


@pytest.mark.parametrize("number", ["1" + "0" * 4000, "1" + "0" * 5000, "-1", "1e400", "true"])
def test_numbers_that_are_none_are_written(tmp_path: Path, number: str) -> None:
    hearing = service.Hearing(Notebook(tmp_path), None)
    hearing.kernel(parse(0, "n", f'{{"msg": "\\ud800", "seq": {number}, "priority": {number}}}'.encode()))
    assert json.loads((tmp_path / "kernel.jsonl").read_text())["node"] == "n"


def test_a_sink_that_is_flooded_answers_and_keeps_some(tmp_path, monkeypatch, listening):
    monkeypatch.setattr(service, "RECORDS", (20, 1))

    async def publish(port: int) -> None:
        async with Channel("127.0.0.1", port) as channel:
            for number in range(200):
                await EventSinkServiceStub(channel).Publish(EventRequest(id=str(number)), timeout=60)
            big = EventRequest(data=Packed(value=bytes(2 << 20)))
            with pytest.raises(GRPCError) as refused:
                await EventSinkServiceStub(channel).Publish(big, timeout=60)
            assert refused.value.status is Status.RESOURCE_EXHAUSTED

    with listening(tmp_path / "heard") as receivers:
        asyncio.run(publish(receivers.events))
        assert 20 <= len(receivers.records("events")) < 100
