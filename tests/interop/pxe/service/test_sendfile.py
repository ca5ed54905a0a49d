"""Large files leave by sendfile(2): the kernel says so."""

import platform
import socket

import pytest
from service_running import MACHINE, eventually, syscall_numbers

pytestmark = pytest.mark.interop

SENDFILE = {"x86_64": 40, "aarch64": 71}.get(platform.machine())


@pytest.mark.skipif(SENDFILE is None, reason="the number of sendfile on this architecture is not known here")
@pytest.mark.parametrize("header", [b"", b"Range: bytes=1000-\r\n"], ids=["whole", "part"])
def test_a_thread_of_the_worker_is_in_sendfile(make_service, header):
    service = make_service(size=64 << 20).start()
    pid = service.worker().pid
    with socket.create_connection(("127.0.0.1", service.http_port), 30, (MACHINE, 0)) as client:
        client.sendall(b"GET /vmlinuz HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
        assert client.recv(1)  # and nothing more: the worker's thread blocks where it sends
        if not syscall_numbers(pid):
            pytest.skip("/proc/PID/task/*/syscall cannot be read here")
        eventually(lambda: SENDFILE in syscall_numbers(pid))
