"""Where transfers run: ports of their own, of a range, or the one that everybody asks at."""

import random
import socket
import struct
import threading
from ipaddress import IPv4Address

import pytest
from tftp_client import ACK, DATA, ERROR, OACK, Client, Faults, TftpError

from pxe.events import PacketMalformed, TransferEnded
from pxe.net.ports import PortRange
from pxe.net.tftp import bind_tftp


def free_range(count):
    """Some ports in a row that nobody uses."""
    for first in range(20_000, 60_000, count):
        socks = []
        try:
            for port in range(first, first + count):
                socks.append(bind_tftp(IPv4Address("127.0.0.1"), port))
        except Exception:
            continue
        finally:
            for sock in socks:
                sock.close()
        return first, first + count - 1
    raise AssertionError("no free ports")


def test_transfers_run_on_ports_of_the_range_and_give_them_back(serve, root):
    first, last = free_range(3)
    service = serve(ports=PortRange(first, last))
    used = []
    for _ in range(7):
        with Client(service.address) as client:
            assert client.fetch("file") == (root / "file").read_bytes()
            used.append(client.tid[1])
            service.wait_for(TransferEnded)
    assert used == [first, first + 1, last] * 2 + [first]  # the one that was free longest


def test_a_range_in_use_is_said_and_a_free_port_serves_the_next(serve, root):
    first, last = free_range(2)
    service = serve(ports=PortRange(first, last))
    with Client(service.address) as one, Client(service.address) as two, Client(service.address) as three:
        for client in (one, two):
            client.ask("file")
            assert client.receive()[:2] == (DATA, 1)
        with pytest.raises(TftpError, match="all ports of the range are in use"):
            three.fetch("file")
        one.send(ERROR, 0, b"\0")
        service.wait_for(TransferEnded)
        three.tid = None
        assert three.fetch("file") == (root / "file").read_bytes()


def test_a_port_that_another_program_has_is_passed_over(serve, root):
    first, last = free_range(2)
    service = serve(ports=PortRange(first, last))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first))
        with Client(service.address) as client:
            assert client.fetch("file") == (root / "file").read_bytes()
            assert client.tid[1] == last


@pytest.mark.parametrize("options", [{}, {"blksize": 1468, "tsize": 0}, {"blksize": 1024, "windowsize": 16}])
def test_on_a_single_port_every_datagram_comes_from_it(serve, root, options):
    service = serve(single_port=True)
    with Client(service.address) as client:
        assert client.fetch("file", **options) == (root / "file").read_bytes()
        assert client.tid == service.address
        assert set(client.options) == set(options)
    assert service.wait_for(TransferEnded).outcome == "complete"


def test_on_a_single_port_many_clients_are_told_apart(serve, root):
    service = serve(single_port=True)
    got = {}

    def fetch(number):
        with Client(service.address, faults=Faults(lose=0.02, chance=random.Random(number))) as client:
            got[number] = client.fetch("file", blksize=1024, windowsize=number % 5 + 1)

    threads = [threading.Thread(target=fetch, args=(n,)) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    wanted = (root / "file").read_bytes()
    assert [n for n in range(30) if got.get(n) != wanted] == []


def test_on_a_single_port_the_answer_comes_from_the_address_that_was_asked(serve, root):
    service = serve(listen="0.0.0.0", single_port=True)
    with Client(("127.3.2.1", service.address[1])) as client:
        assert client.fetch("file", windowsize=4) == (root / "file").read_bytes()
        assert client.tid == ("127.3.2.1", service.address[1])


@pytest.mark.parametrize("opcode", [ACK, DATA])
def test_on_a_single_port_a_stranger_gets_error_5_and_the_transfer_goes_on(serve, opcode):
    service = serve(single_port=True)
    with Client(service.address) as client, Client(service.address) as stranger:
        client.ask("file")
        assert client.receive()[:2] == (DATA, 1)
        stranger.sock.sendto(struct.pack("!HH", opcode, 1), service.address)
        assert stranger.receive()[:2] == (ERROR, 5)
        assert service.wait_for(PacketMalformed).reason == "a datagram of no transfer that we know"
        client.send(ACK, 1)
        assert client.receive()[:2] == (DATA, 2)


def test_on_a_single_port_late_packets_of_a_client_get_no_answer(serve, root):
    service = serve(single_port=True)
    with Client(service.address) as client:
        client.fetch("file")
        service.wait_for(TransferEnded)
        client.send(ACK, 12)
        assert client.receive() is None
        client.tid = None
        assert client.fetch("file") == (root / "file").read_bytes()


def test_on_a_single_port_a_window_goes_out_by_segmentation(serve, root):
    """Loopback has the offload: 16 blocks in one system call are 16 datagrams to the client."""
    service = serve(single_port=True)
    with Client(service.address) as client:
        client.ask("file", blksize=512, windowsize=16)
        assert client.receive()[0] == OACK
        client.send(ACK, 0)
        assert [client.receive()[:2] for _ in range(16)] == [(DATA, n) for n in range(1, 17)]
        client.send(ERROR, 0, b"\0")
