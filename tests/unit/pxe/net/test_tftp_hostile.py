"""Who means harm, on loopback: forged ACKs, floods of requests, silent clients, names that lead out."""

import contextlib
import os
import socket
import stat
import subprocess
import sys
import time

import psutil
import pytest
from tftp_client import ACK, DATA, ERROR, Client, TftpError

from pxe.events import PacketMalformed, TransferEnded, TransferRefused

FLOOD = 10_000
SERVER = """
import sys
from ipaddress import IPv4Address
from pathlib import Path
from pxe.boot.files import FileRoot
from pxe.net.tftp import TftpServer, bind_tftp
files = FileRoot(Path(sys.argv[1]))
server = TftpServer(bind_tftp(IPv4Address("127.0.0.1"), 0), lambda name, _: files.resolve(name),
                    lambda event: None, single_port=sys.argv[2] == "single", max_transfers=1024)
print(server.address[1], flush=True)
server.serve()
"""


@contextlib.contextmanager
def own_process(root, kind):
    """A server whose memory and descriptors are nobody else's; yields its address and its process."""
    argv = [sys.executable, "-c", SERVER, str(root), kind]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield ("127.0.0.1", int(process.stdout.readline())), psutil.Process(process.pid)
        finally:
            process.terminate()


def flood(server, request, count=FLOOD):
    """Send `request` from `count` ports of addresses that nobody answers at."""
    for number in range(count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((f"127.66.{number % 200}.{number // 200 % 200 + 1}", 0))
            sock.sendto(request, server)
            if (
                number % 16 == 15
            ):  # not faster than the server reads: its buffer would drop what it shall hold
                time.sleep(0.002)


@pytest.mark.parametrize("kind", ["own", "single"])
@pytest.mark.parametrize(
    "request_", [b"\0\1file\0octet\0", b"\0\1file\0octet\0blksize\x001468\0windowsize\x0016\0"]
)
def test_10_000_half_open_transfers_are_bounded_and_honest_clients_served(root, kind, request_):
    wanted = (root / "file").read_bytes()
    with own_process(root, kind) as (server, process):
        with Client(server) as client:
            assert client.fetch("file", blksize=1468, windowsize=16) == wanted
        flood(server, request_, 2_000)  # as many as it will ever hold: this is its full size
        full = process.memory_info().rss
        flood(server, request_)
        assert process.num_fds() <= 2 * 1024 + 64
        assert process.memory_info().rss < 1.25 * full
        for options in ({}, {"blksize": 1468}, {"blksize": 1024, "windowsize": 8}):
            with Client(server) as client:
                assert client.fetch("file", **options) == wanted


def test_a_flood_does_not_end_a_transfer_that_goes_on(serve, root):
    service = serve(max_transfers=64)
    with Client(service.address) as client:
        client.ask("file")
        assert client.receive()[:2] == (DATA, 1)
        for block in range(1, 100):
            client.send(ACK, block)
            assert client.receive()[:2] == (DATA, block + 1)
            flood(service.address, b"\0\1file\0octet\0", 8)


def test_a_client_that_stops_half_way_loses_its_place_to_one_that_does_not(serve, root, monkeypatch):
    monkeypatch.setattr("pxe.net.tftp_table.IDLE", 0.2)
    service = serve(max_transfers=2)
    with Client(service.address) as one, Client(service.address) as two, Client(service.address) as third:
        for client in (one, two):
            client.ask("file", timeout=60)
            client.receive()
            client.send(ACK, 0)
            assert client.receive()[:2] == (DATA, 1)
        assert third.receive() is None  # longer than IDLE
        assert third.fetch("file") == (root / "file").read_bytes()
    ended = service.wait_for(TransferEnded)
    assert (ended.transfer, ended.outcome) == (f"tftp-{os.getpid()}-1", "stalled")
    assert "made no progress" in ended.detail


@pytest.mark.parametrize("windowsize", [1, 8])
def test_forged_acks_do_not_move_a_transfer(serve, root, windowsize):
    """From another port and from another address: ERROR 5 to the forger, and not one block is skipped."""
    service = serve()
    wanted = (root / "file").read_bytes()
    with Client(service.address) as client, Client(service.address, address="127.0.0.9") as forger:
        client.ask("file", windowsize=windowsize, timeout=60)
        client.receive()
        forger.tid = client.tid
        got, block = b"", 0
        client.send(ACK, 0)
        while len(got) < len(wanted):
            for _ in range(min(windowsize, (len(wanted) - len(got)) // 512 + 1)):
                opcode, number, packet = client.receive()
                block += 1
                assert (opcode, number) == (DATA, block)
                got += packet[4:]
            for forged in (block, block + windowsize, 0xFFFF):
                forger.send(ACK, forged)
            assert forger.receive()[:2] == (ERROR, 5)
            client.send(ACK, block)
        assert got == wanted
    assert service.wait_for(PacketMalformed).peer.startswith("127.0.0.9:")


def test_a_client_that_never_acknowledges_gets_little_and_then_nothing(serve):
    """No amplifier: of a window, and of its few repeats, an end that nobody has to wait for."""
    service = serve()
    with Client(service.address, patience=1.2) as client:
        client.ask("file", blksize=1468, windowsize=64)
        sent = 0
        while (packet := client.receive()) is not None:
            sent += len(packet[2])  # OACKs only: no block before the client has shown that it is there
        assert sent < 200


TRAVERSAL = [
    "../secret", "..\\secret", "/../secret", "a/../../secret", "folder/../../secret", "....//secret",
    "%2e%2e/secret", "%2e%2e%2fsecret", "..%2fsecret", "..%5csecret", "%252e%252e%252fsecret",
    b"..\xc0\xafsecret", b"\xc0\xae\xc0\xae/secret", "\uff0e\uff0e/secret", "..\u2215secret", "..;/secret",
    "./.././secret", "//../secret", "\\\\..\\secret", "..\\..\\..\\..\\etc\\passwd", "/etc/passwd",
    "//etc/passwd", "file:///etc/passwd", "c:\\windows\\win.ini", "out", "outdir/passwd", "loop", "fifo",
    "dev", "socket", "/proc/self/environ", "/dev/zero", ".", "..", "folder/..", "x" * 900, "\x00../secret",
    "~/.ssh/id",
]  # fmt: skip


@pytest.mark.parametrize("name", TRAVERSAL, ids=repr)
def test_no_name_reads_what_is_outside(serve, root, tmp_path_factory, name):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "passwd").write_bytes(b"secret")
    (root.parent / "secret").write_bytes(b"secret")
    os.symlink(outside / "passwd", root / "out")
    os.symlink(outside, root / "outdir")
    os.symlink("loop", root / "loop")
    os.mkfifo(root / "fifo")
    if os.geteuid() == 0:
        os.mknod(root / "dev", 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero: a file without end
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(root / "socket"))
    service = serve()
    with Client(service.address) as client:
        raw = name if isinstance(name, bytes) else name.encode()
        if b"\0" in raw:  # the name ends there: what follows is taken as mode and options
            raw = raw[: raw.index(b"\0")]
        with pytest.raises(TftpError) as refused:
            client.fetch(raw)
    assert refused.value.code == 1
    assert service.wait_for(TransferRefused).reason
    (root.parent / "secret").unlink()


def test_memory_does_not_grow_with_files_asked_for(root):
    """A hundred clients stop in the middle of a hundred files: the cache and one window each, no more."""
    for number in range(100):
        with (root / f"big{number}").open("wb") as file:
            file.truncate(8 << 20)
    with own_process(root, "own") as (server, process), contextlib.ExitStack() as stack:
        before = process.memory_info().rss
        for number in range(100):
            client = stack.enter_context(Client(server))
            client.ask(f"big{number}", blksize=1468, windowsize=64)
            client.receive()
            client.send(ACK, 0)
            assert client.receive()[:2] == (DATA, 1)
        grown = process.memory_info().rss - before
        assert grown < 100 * (512 << 10)  # a chunk of 256 KiB for each, and what Python needs
