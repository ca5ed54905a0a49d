"""The kicker asks again and again, and ends with QEMU. tests/hil has it with a real one."""

import json
import socket

import pytest

from lab.drivers.qemu.kick import Kicker


@pytest.fixture
def monitor():
    """Our end as QEMU has it; `kicker` has the other, which is non-blocking as asyncio leaves it."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    ours.settimeout(30)
    with ours:
        yield ours, Kicker(theirs)


def test_it_asks_again_once_it_was_answered(monitor):
    qemu, kicker = monitor
    with qemu.makefile("rw") as session:
        for _ in range(3):
            asked = json.loads(session.readline())
            assert asked == {"execute": "set_link", "arguments": {"name": "net0", "up": True}}
            session.write('{"event": "RESET"}\n{"return": {}}\n')
            session.flush()
    qemu.close()
    kicker.wait()


@pytest.mark.parametrize("answered", [False, True], ids=["asked", "answered"])
def test_it_ends_with_qemu(monitor, answered):
    qemu, kicker = monitor
    assert qemu.recv(1000)
    if answered:
        qemu.sendall(b'{"return": {}}\n')
    qemu.close()
    kicker.wait()
