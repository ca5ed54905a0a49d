"""The engine on loopback: real sockets, a client of our own that can misbehave, and strangers."""

import contextlib
import os
import random
import resource
from ipaddress import IPv4Address

import pytest
from tftp_client import ACK, DATA, ERROR, OACK, Client, Faults, TftpError

from pxe.errors import RefusalReason, RequestRefused, ServiceError
from pxe.events import PacketMalformed, TransferEnded, TransferRefused, TransferStarted
from pxe.net import packets as packets_module
from pxe.net.packets import PacketCache
from pxe.net.tftp import bind_tftp
from pxe.plan import Resource


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1468 * 4, 1468 * 200 + 5])
@pytest.mark.parametrize("options", [{}, {"blksize": 1468}, {"blksize": 1468, "windowsize": 16}])
def test_sizes(serve, root, size, options):
    data = random.Random(size).randbytes(size)
    (root / "x").write_bytes(data)
    service = serve()
    with Client(service.address) as client:
        assert client.fetch("x", **options) == data
        assert client.options == options
    ended = service.wait_for(TransferEnded)
    assert (ended.outcome, ended.sent, ended.size, ended.repeated) == ("complete", size, size, 0)


@pytest.mark.parametrize("options", [{"blksize": 8}, {"blksize": 8, "windowsize": 64}])
def test_more_than_65535_blocks(serve, root, options):
    data = random.Random(3).randbytes(8 * 66_000 + 3)
    (root / "x").write_bytes(data)
    with Client(serve().address) as client:
        assert client.fetch("x", **options) == data


@pytest.mark.parametrize("window", [1, 4, 16])
@pytest.mark.parametrize("seed", range(3))
def test_a_bad_network(serve, root, window, seed):
    faults = Faults(lose=0.01, double=0.05, swap=0.01, chance=random.Random(seed))
    service = serve()
    with Client(service.address, faults=faults) as client:
        assert client.fetch("file", blksize=1024, windowsize=window) == (root / "file").read_bytes()
    assert service.wait_for(TransferEnded).outcome in ("complete", "unacknowledged")


def test_events_tell_the_story(serve):
    service = serve()
    with Client(service.address) as client:
        client.fetch("file", tsize=0, BLKSIZE=1024)
        peer = "{}:{}".format(*client.sock.getsockname())
    started, ended = service.wait_for(TransferStarted), service.wait_for(TransferEnded)
    assert (started.peer, started.name, started.size, started.protocol) == (peer, "file", 100_000, "tftp")
    assert started.options == {"tsize": 100_000, "blksize": 1024}
    assert (ended.transfer, ended.peer) == (started.transfer, peer)
    assert started.t_ns < ended.t_ns
    assert 0 < ended.duration_ns <= ended.t_ns - started.t_ns


def test_the_machine_is_in_the_events(serve):
    service = serve(lambda name, ip: Resource(name=name, data=str(ip).encode(), mac="52:54:00:00:00:01"))
    with Client(service.address) as client:
        assert client.fetch("generated") == b"127.0.0.1"
    assert service.wait_for(TransferStarted).mac == "52:54:00:00:00:01"
    assert service.wait_for(TransferEnded).mac == "52:54:00:00:00:01"


def test_netascii(serve, root):
    (root / "text").write_bytes(b"one\ntwo\r\n")
    with Client(serve().address) as client:
        assert client.fetch("text", mode="NetASCII", tsize=0) == b"one\r\ntwo\r\0\r\n"
        assert client.options == {}


@pytest.mark.parametrize(
    ("name", "mode", "code"),
    [
        ("none", "octet", 1),
        ("folder", "octet", 1),
        ("folder/", "octet", 1),
        ("../x", "octet", 1),
        ("file", "mail", 4),
    ],
)
def test_refusals(serve, name, mode, code):
    service = serve()
    with Client(service.address) as client, pytest.raises(TftpError) as refused:
        client.fetch(name, mode)
    assert refused.value.code == code
    assert service.wait_for(TransferRefused).name == name


def test_upload_is_off(serve, root):
    service = serve()
    with Client(service.address) as client:
        client.sock.sendto(b"\0\2new\0octet\0", service.address)
        assert client.receive()[:2] == (ERROR, 2)
    assert service.wait_for(TransferRefused).reason == "upload is off"
    assert not (root / "new").exists()


JUNK = [
    b"",
    b"\0",
    b"\0\1",
    b"\0\1file",
    b"\0\1file\0octet",
    b"\0\1\xff\xfe\0octet\0",
    b"\0\1file\0octet\0blksize\0",
    b"\0\1" + b"x" * 5000,
    b"\0\3\0\1data",
    b"\0\4\0\0",
    b"\0\5\0\0\0",
    b"\0\6blksize\x00512\0",
    b"\0\x63",
    bytes(range(256)),
]


def test_junk_at_the_port_stops_nothing(serve, root):
    service = serve()
    chance = random.Random(5)
    with Client(service.address) as client:
        for datagram in JUNK + [chance.randbytes(chance.randrange(40)) for _ in range(300)]:
            client.sock.sendto(datagram, service.address)
    assert service.wait_for(PacketMalformed).protocol == "tftp"
    with Client(service.address) as client:
        assert client.fetch("file") == (root / "file").read_bytes()


@pytest.mark.parametrize(
    "options", [{"blksize": "abc"}, {"blksize": -5}, {"windowsize": 10**30}, {"timeout": 0}, {"tsize": "x"}]
)
def test_absurd_options_are_left_out(serve, root, options):
    with Client(serve().address) as client:
        assert client.fetch("file", **options) == (root / "file").read_bytes()
        assert client.options == {}


def test_junk_within_a_transfer_stops_nothing(serve, root):
    service = serve()
    with Client(service.address) as client:
        client.ask("file")
        client.receive()
        for datagram in JUNK:
            if datagram[:2] != b"\0\5":
                client.sock.sendto(datagram, client.tid)
        client.send(ACK, 1)
        assert client.receive()[:2] == (DATA, 2)
    assert "transfer" in service.wait_for(PacketMalformed).reason


def test_a_stranger_gets_error_5_and_the_transfer_goes_on(serve, root):
    service = serve()
    with Client(service.address) as client, Client(service.address) as stranger:
        client.ask("file")
        assert client.receive()[:2] == (DATA, 1)
        stranger.tid = client.tid
        stranger.send(ACK, 1)
        assert stranger.receive()[:2] == (ERROR, 5)
        stranger.send(ERROR, 0, b"die\0")
        assert stranger.receive() is None
        client.send(ACK, 1)
        assert client.receive()[:2] == (DATA, 2)


def test_a_repeated_request_is_ignored_while_the_transfer_lives(serve):
    service = serve()
    with Client(service.address) as client:
        client.ask("file")
        first = client.receive()
        client.sock.sendto(client.request, service.address)
        client.send(ACK, 1)
        assert (first[1], client.receive()[1]) == (1, 2)
        client.send(ERROR, 0, b"enough\0")
    ended = service.wait_for(TransferEnded)
    assert (ended.transfer, ended.outcome) == (f"tftp-{os.getpid()}-1", "aborted")
    assert "enough" in ended.detail


def test_another_request_from_the_same_port_takes_over(serve, root):
    (root / "other").write_bytes(b"other")
    service = serve()
    with Client(service.address) as client:
        client.ask("file")
        client.receive()
        client.tid = None
        assert client.fetch("other") == b"other"
    ended = service.wait_for(TransferEnded)
    assert (ended.name, ended.outcome, ended.detail) == ("file", "aborted", "the client asked anew")
    assert service.wait_for(TransferEnded).outcome == "complete"


def test_a_client_that_goes_away(serve):
    service = serve()
    with Client(service.address) as client:
        client.ask("file", blksize=1468)
        client.receive()
    # Its port is closed now: the kernel says so when the OACK is repeated.
    ended = service.wait_for(TransferEnded)
    assert (ended.outcome, ended.sent) == ("aborted", 0)


@pytest.mark.parametrize("windowsize", [1, 8])
def test_a_file_that_shrinks_ends_its_transfer(serve, root, windowsize, monkeypatch):
    monkeypatch.setattr(packets_module, "CHUNK_BYTES", 5000)
    service = serve()
    with Client(service.address) as client:
        client.ask("file", blksize=512, windowsize=windowsize)
        assert client.receive()[0] == OACK
        with (root / "file").open("r+b") as handle:
            handle.truncate(60_000)
        client.window = windowsize
        client.send(ACK, 0)
        block = 0
        while (packet := client.receive())[0] == DATA:
            block += 1
            if block % windowsize == 0:
                client.send(ACK, block)
        assert packet[:2] == (ERROR, 0)
        assert b"changed" in packet[2]
    ended = service.wait_for(TransferEnded)
    assert (ended.outcome, ended.detail) == ("error", "the file changed while it was being sent")


def test_the_answer_comes_from_the_address_that_was_asked(serve, root):
    service = serve(listen="0.0.0.0")
    for address in ("127.0.0.5", "127.1.2.3"):
        with Client((address, service.address[1])) as client:
            assert client.fetch("file") == (root / "file").read_bytes()
            assert client.tid[0] == address
        with Client((address, service.address[1])) as client:
            client.ask("none")
            assert client.receive()[:2] == (ERROR, 1)
            assert client.tid[0] == address


def test_beyond_the_limit_a_client_is_told(serve, root):
    service = serve(max_transfers=2)
    with Client(service.address) as one, Client(service.address) as two, Client(service.address) as three:
        one.ask("file")
        two.ask("file")
        for client in (one, two):  # whoever answers keeps its place
            assert client.receive()[:2] == (DATA, 1)
            client.send(ACK, 1)
            assert client.receive()[:2] == (DATA, 2)
        with pytest.raises(TftpError, match="busy"):
            three.fetch("file")
        one.send(ERROR, 0, b"\0")
        service.wait_for(TransferEnded)
        three.tid = None
        assert three.fetch("file") == (root / "file").read_bytes()


def test_without_file_descriptors_a_client_is_told(serve, root):
    service = serve(max_transfers=16)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Client(service.address) as client, Client(service.address) as later:
        used = max(int(fd) for fd in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(used, hard), hard))
        hold = []
        try:
            with contextlib.suppress(OSError):
                while True:
                    hold.append(os.open("/dev/null", os.O_RDONLY))
            with pytest.raises(TftpError, match="file descriptor"):
                client.fetch("file")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for fd in hold:
                os.close(fd)
        assert "descriptor" in service.wait_for(TransferRefused).reason
        assert later.fetch("file") == (root / "file").read_bytes()


def test_300_clients_at_once(serve, root):
    service = serve(cache=PacketCache(limit=1 << 20))
    wanted = (root / "file").read_bytes()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(service.address)) for _ in range(300)]
        for client in clients:
            client.ask("file", blksize=1468, windowsize=4)
        for client in clients:  # all have their answer before any goes on
            assert first_answer(client)[0] == OACK
        for client in clients:
            client.fetch_rest = fetch_after_oack(client)
        assert all(client.fetch_rest == wanted for client in clients)
    outcomes = {service.wait_for(TransferEnded).outcome for _ in range(300)}
    assert outcomes == {"complete"}


def first_answer(client):
    """The answer to a request, which a client repeats: 300 of them take a busy host a while."""
    for _ in range(60):
        packet = client.receive()
        if packet is not None:
            return packet
        client.sock.sendto(client.request, client.server)
    raise TimeoutError("no answer to 60 requests")


def fetch_after_oack(client):
    client.send(ACK, 0)
    got = []
    while True:
        packet = client.receive()
        if packet is None:
            client.send(ACK, len(got))
            continue
        if packet[0] == DATA and packet[1] == len(got) + 1:
            got.append(packet[2][4:])
            if len(got) % 4 == 0 or len(got[-1]) < 1468:
                client.send(ACK, len(got))
            if len(got[-1]) < 1468:
                return b"".join(got)


def test_a_resolver_with_a_bug_stops_nothing(serve, root, caplog):
    def resolve(name, _):
        if name == "bug":
            raise ZeroDivisionError("on purpose")
        return Resource(name=name, path=root / "file")

    service = serve(resolve)
    with Client(service.address) as client, pytest.raises(TftpError, match="internal"):
        client.fetch("bug")
    with Client(service.address) as client:
        assert client.fetch("file") == (root / "file").read_bytes()
    assert "on purpose" in caplog.text


def test_a_resolver_may_refuse(serve):
    def resolve(name, _):
        raise RequestRefused(RefusalReason.UNSUPPORTED, "not here")

    with Client(serve(resolve).address) as client, pytest.raises(TftpError, match="not here") as refused:
        client.fetch("x")
    assert refused.value.code == 4


def test_stop_tells_the_clients_and_may_be_called_again(serve):
    service = serve()
    with Client(service.address) as client:
        client.ask("file")
        client.receive()
        service.stop()
        assert client.receive()[0] == ERROR
    ended = service.wait_for(TransferEnded)
    assert (ended.outcome, ended.detail) == ("error", "the server is being stopped")
    service.server.stop()


def test_a_port_in_use_is_named():
    with bind_tftp(IPv4Address("127.0.0.1"), 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ServiceError, match=f"127.0.0.1:{port}.*ss -lunp"):
            bind_tftp(IPv4Address("127.0.0.1"), port)
    with pytest.raises(ServiceError, match="no interface has this address"):
        bind_tftp(IPv4Address("192.0.2.1"), 0)
    with pytest.raises(ServiceError, match="65536 is not a UDP port"):
        bind_tftp(IPv4Address("127.0.0.1"), 65536)
