"""Mutated datagrams at the TFTP port of a running service: it goes on, and every sound request is served."""

import random
import socket
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.interop

CORPUS = Path(__file__).parents[3] / "fuzz" / "corpus" / "tftp"
BURSTS, BURST = 20, 100
SOUND = b"\0\1all.txt\0octet\0"


def datagrams(data):
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        yield data[at + 2 : at + 2 + size]
        at += 2 + size


def fetch(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(30)
        sock.sendto(SOUND, ("127.0.0.1", port))
        data, peer = sock.recvfrom(1024)
        sock.sendto(b"\0\4\0\1", peer)
        return data


def test_a_flood_of_mutated_datagrams(service):
    rng = random.Random(20261122)
    seeds = [part for path in sorted(CORPUS.iterdir()) for part in datagrams(path.read_bytes())]
    assert len(seeds) > 100
    before = service.worker()
    answered = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noisy:
        noisy.setblocking(False)
        for _ in range(BURSTS):
            for _ in range(BURST):
                data = bytearray(rng.choice(seeds))
                for _ in range(rng.randrange(4)):
                    where = rng.randrange(len(data) + 1)
                    data[where : where + 1] = rng.randbytes(1)
                noisy.sendto(data[:1400], ("127.0.0.1", service.tftp_port))
            assert fetch(service.tftp_port) == b"\0\3\0\1for everybody"
            try:
                while True:
                    reply = noisy.recv(70_000)
                    answered += 1
                    assert reply[:2] in (b"\0\3", b"\0\5", b"\0\6"), "a server sends DATA, ERROR and OACK"
                    assert b"root:" not in reply
            except BlockingIOError:
                pass
    assert answered > BURSTS
    assert service.worker() == before, "it went on without a restart"
    assert len(psutil.Process(before.pid).open_files()) < 50
    assert "Traceback" not in service.log
    assert service.stop() == 0


def test_an_error_is_never_answered(service):
    """Two servers would never end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.5)
        for code in range(9):
            sock.sendto(b"\0\5" + code.to_bytes(2, "big") + b"no\0", ("127.0.0.1", service.tftp_port))
        with pytest.raises(TimeoutError):
            sock.recv(1024)
    assert fetch(service.tftp_port) == b"\0\3\0\1for everybody"
