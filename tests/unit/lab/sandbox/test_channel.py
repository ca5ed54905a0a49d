import os
import socket

import pytest

from lab.errors import SandboxError
from lab.sandbox.channel import Channel


@pytest.fixture
def ends():
    pair = [Channel(s) for s in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)]
    yield pair
    for end in pair:
        end.sock.close()


def test_messages_and_descriptors(ends):
    read, write = os.pipe()
    ends[0].send({"op": "spawn", "argv": ["ä", "\udcff"]}, [write])
    ends[0].send({"op": "link"})
    os.close(write)
    message, fds = ends[1].receive()
    assert message == {"op": "spawn", "argv": ["ä", "\udcff"]}  # names of files need not be UTF-8
    assert not os.get_inheritable(fds[0])
    os.write(fds[0], b"through")
    os.close(fds[0])
    assert os.read(read, 100) == b"through"
    os.close(read)
    assert ends[1].receive() == ({"op": "link"}, [])


def test_the_end_of_the_other_side(ends):
    ends[1].sock.close()
    assert ends[0].receive() is None
    with pytest.raises(SandboxError, match="gone"):
        ends[0].send({"op": "link"})


def test_too_large(ends):
    with pytest.raises(SandboxError, match="too large"):
        ends[0].send({"env": "x" * (8 << 20)})
