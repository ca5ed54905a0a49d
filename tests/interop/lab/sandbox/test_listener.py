"""A socket of the sandbox's network in the host's hands."""

import sys

import pytest

from lab.clients.talos.ears import listening
from lab.errors import SandboxError
from lab.sandbox.listener import listen_inside

pytestmark = pytest.mark.interop

SPEAK = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30) as peer:
    peer.sendall(b'{"msg": "heard"}\\n')
"""


def test_the_lab_hears_what_is_said_inside(sandbox):
    with listening(str(sandbox.address), sandbox=sandbox) as ears:
        done = sandbox.run(
            [sys.executable, "-c", SPEAK, str(sandbox.address), str(ears.kernel_port)], timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert ears.wait(lambda record: True, 60).message == "heard"


def test_address_that_is_not_inside(sandbox):
    with pytest.raises(SandboxError, match=r"cannot listen at 192\.0\.2\.1:0 in the sandbox: .*assign"):
        listen_inside(sandbox, "192.0.2.1")
