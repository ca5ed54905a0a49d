import errno
import socket

import pytest

from pxe.net.gso import SegmentedSender


@pytest.fixture
def pair():
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(5)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(receiver.getsockname())
    yield sender, receiver
    sender.close()
    receiver.close()


def datagrams(count, stride, last):
    head = b"\x00\x03"
    return [head + bytes([i & 0xFF]) * (stride - 2) for i in range(count - 1)] + [head + b"\xee" * (last - 2)]


@pytest.mark.parametrize(
    ("count", "stride", "last"),
    [(1, 516, 4), (1, 516, 516), (4, 516, 100), (64, 516, 516), (64, 1472, 4), (3, 65468, 9), (64, 12, 12)],
)
def test_a_run_arrives_as_its_datagrams(pair, count, stride, last):
    sender, receiver = pair
    sent = datagrams(count, stride, last)
    SegmentedSender(sender, stride).send(memoryview(b"".join(sent)))
    assert [receiver.recv(70_000) for _ in sent] == sent


def test_an_oack_longer_than_a_block_stays_whole(pair):
    sender, receiver = pair
    oack = b"\x00\x06blksize\x008\x00windowsize\x0064\x00"
    SegmentedSender(sender, 12).send(oack)
    assert receiver.recv(100) == oack


class Refusing:
    """A socket on a device without checksum offload: the kernel takes one datagram at a time."""

    def __init__(self, error):
        self.error, self.sent = error, []

    def getsockopt(self, *_):
        return 0

    def sendmsg(self, *_):
        raise OSError(self.error, "refused")

    def send(self, data):
        self.sent.append(bytes(data))


class Old(Refusing):
    """A socket of a kernel before 4.18."""

    def getsockopt(self, *_):
        raise OSError(errno.ENOPROTOOPT, "unknown")


def test_an_old_kernel_is_not_asked():
    sock = Old(errno.EBADF)
    wanted = datagrams(8, 12, 5)
    SegmentedSender(sock, 12).send(b"".join(wanted))
    assert sock.sent == wanted


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EIO, errno.EMSGSIZE])
def test_where_the_kernel_refuses_datagrams_go_one_by_one(error):
    sock = Refusing(error)
    sender = SegmentedSender(sock, 12)
    wanted = datagrams(8, 12, 5)
    sender.send(b"".join(wanted))
    sender.send(b"".join(wanted))
    assert sock.sent == wanted + wanted
    assert not sender.offloaded


def test_other_errors_are_the_callers():
    with pytest.raises(ConnectionRefusedError):
        SegmentedSender(Refusing(errno.ECONNREFUSED), 12).send(b"".join(datagrams(2, 12, 5)))
