import os
import time

import pytest

from lab.drivers.stream.process import ProcessStream
from lab.errors import InfrastructureError, StreamClosed
from lab.interfaces import ByteStream


def read_until(stream, end):
    data = b""
    while end not in data:
        data += stream.read(10)
    return data


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_both_ways():
    stream = ProcessStream(["cat"])
    assert isinstance(stream, ByteStream)
    stream.open()
    stream.open()
    stream.write(b"\x00\x03=> \n")  # raw: a Ctrl-C is a byte like any other
    assert read_until(stream, b"\n") == b"\x00\x03=> \n"
    assert stream.read(0.01) == b""
    stream.close()
    stream.close()


def test_command_as_one_string():
    stream = ProcessStream("sh -c 'echo \"a b\"; exit 7'")
    stream.open()
    assert read_until(stream, b"\n") == b"a b\n"
    with pytest.raises(StreamClosed, match="ended with status 7"):
        stream.read(10)
    stream.close()


def test_close_ends_the_whole_group_of_a_hook_script():
    stream = ProcessStream(["sh", "-c", "sleep 1000 & echo $!; trap '' TERM; wait; sleep 1000"])
    stream.open()
    child = int(read_until(stream, b"\n"))
    assert is_running(child)
    stream.close()
    deadline = time.monotonic() + 30
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(child)
    for call in (lambda: stream.read(1), lambda: stream.write(b"x")):
        with pytest.raises(StreamClosed, match="closed"):
            call()


@pytest.mark.parametrize("command", ["no-such-command-anywhere", ""])
def test_a_command_that_is_not_there_is_named(command):
    with pytest.raises(InfrastructureError, match=command or "empty"):
        ProcessStream(command).open()
