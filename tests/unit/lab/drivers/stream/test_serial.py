import os
import socket
import threading
import time
import tty
from collections import deque

import pytest

from lab.drivers.stream.serial import SerialStream
from lab.errors import InfrastructureError, StreamClosed
from lab.interfaces import ByteStream


@pytest.fixture
def pty():
    """(our end, path of the other)."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)
    os.close(theirs)
    yield ours, path
    os.close(ours)


@pytest.fixture
def stream(pty):
    stream = SerialStream(pty[1])
    stream.open()
    yield stream
    stream.close()


def test_is_a_byte_stream():
    assert isinstance(SerialStream("loop://"), ByteStream)


def test_both_ways(pty, stream):
    os.write(pty[0], b"\x00\xff=> ")
    assert stream.read(5) == b"\x00\xff=> "
    stream.write(b"reset\n\x03")
    assert os.read(pty[0], 100) == b"reset\n\x03"


def test_silence_is_empty(stream):
    assert stream.read(0.01) == b""


def test_returns_as_soon_as_anything_has_come(pty, stream):
    threading.Timer(0.05, os.write, [pty[0], b"x"]).start()
    begin = time.monotonic()
    assert stream.read(60) == b"x"
    assert time.monotonic() - begin < 30


def test_close_ends_a_read_of_another_thread(stream):
    result = []

    def read():
        try:
            result.append(stream.read(60))
            stream.read(60)
        except StreamClosed as error:
            result.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    stream.close()
    reader.join(30)
    assert not reader.is_alive()
    assert "is closed" in result[-1]
    stream.close()


def test_other_end_gone_is_the_end(pty, stream):
    ours = os.dup(pty[0])
    os.close(ours)
    os.dup2(os.open(os.devnull, os.O_RDWR), pty[0])  # the last descriptor of the pty's master goes
    with pytest.raises(StreamClosed, match="went away"):
        stream.read(5)
    with pytest.raises(StreamClosed, match="nobody"):
        stream.write(b"x")


def test_a_port_that_comes_back_is_waited_for(tmp_path):
    link = tmp_path / "ttyUSB0"

    def plug():
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(theirs))
        os.close(theirs)
        return ours

    ours = plug()
    stream = SerialStream(str(link), reconnect_seconds=60)
    stream.open()
    os.close(ours)
    link.unlink()
    assert stream.read(0.05) == b""
    assert stream.read(0.05) == b""
    with pytest.raises(StreamClosed):
        stream.write(b"x")
    ours = plug()
    assert stream.read(0.05) == b""  # reopened
    os.write(ours, b"U-Boot SPL")
    assert stream.read(5) == b"U-Boot SPL"
    stream.close()
    os.close(ours)


def test_a_port_that_stays_away_is_closed_for_good(tmp_path):
    ours, theirs = os.openpty()
    link = tmp_path / "ttyUSB0"
    link.symlink_to(os.ttyname(theirs))
    stream = SerialStream(str(link), reconnect_seconds=0.05)
    stream.open()
    os.close(theirs)
    os.close(ours)
    link.unlink()
    assert stream.read(0.1) == b""
    with pytest.raises(StreamClosed, match="is away"):
        deque(iter(lambda: stream.read(0.1), b"never"))
    stream.close()


def test_a_second_reader_is_refused(pty, stream):
    with pytest.raises(InfrastructureError, match="cannot open"):
        SerialStream(pty[1]).open()


@pytest.mark.parametrize(
    "url", ["/dev/no-such-port", "nosuch://x", "socket://127.0.0.1:1", "rfc2217://127.0.0.1:1"]
)
def test_what_cannot_be_opened_is_named(url):
    with pytest.raises(InfrastructureError, match="cannot open") as caught:
        SerialStream(url, name="place 1").open()
    assert url in str(caught.value)
    assert "place 1" in str(caught.value)


def test_loop():
    stream = SerialStream("loop://")
    stream.open()
    stream.open()
    stream.write(b"abc")
    assert stream.read(1) == b"abc"
    assert stream.read(0.01) == b""
    stream.close()
    with pytest.raises(StreamClosed):
        stream.read(0.01)


def test_socket_both_ways_and_its_end():
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = SerialStream(f"socket://127.0.0.1:{server.getsockname()[1]}")
        stream.open()
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"hello")
            assert stream.read(5) == b"hello"
            stream.write(b"x")
            assert peer.recv(9) == b"x"
        with pytest.raises(StreamClosed, match="went away"):
            stream.read(5)
        stream.close()
