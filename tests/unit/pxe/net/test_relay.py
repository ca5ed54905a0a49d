"""Lines of machines that another program of ours relays: a Unix socket of the service."""

import json
import queue
import socket
import stat
import threading
from contextlib import ExitStack
from ipaddress import IPv4Address

import pytest

from pxe.errors import ServiceError
from pxe.net.listen import bind_logs
from pxe.net.syslog import LogReceiver
from pxe.settings import LogSettings

SECONDS = 60


def settings(path):
    return LogSettings(listen=IPv4Address("127.0.0.1"), syslog=None, netconsole=None, relay=path)


def mac_of(address):
    return "52:54:00:aa:00:01" if str(address) == "10.0.0.5" else None


def test_lines_and_troubles_come_through_and_nothing_else_does(tmp_path):
    lines, troubles = queue.Queue(), queue.Queue()
    with ExitStack() as undo:
        sockets = bind_logs(settings(tmp_path / "state/lines.sock"), undo)
        path = tmp_path / "state/lines.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        receiver = LogReceiver(sockets, mac_of, lambda *taken: lines.put(taken), troubles.put)
        undo.pop_all()
        thread = threading.Thread(target=receiver.serve)
        thread.start()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                panic = "Kernel panic - not syncing: VFS"
                for ip, text in (("10.0.0.9", "a"), ("fd00::1", "b"), ("x", "c"), ("10.0.0.5", panic)):
                    sock.sendto(json.dumps({"ip": ip, "source": "kmsg", "text": text}).encode(), str(path))
                sock.sendto(b"\xff{", str(path))
                sock.sendto(b"", str(path))
            mac, (line,), t_ns = lines.get(timeout=SECONDS)
            assert (mac, line.source, line.text) == ("52:54:00:aa:00:01", "kmsg", panic)
            assert t_ns > 0
            assert troubles.get(timeout=SECONDS).source == "kmsg"
        finally:
            receiver.stop()
            thread.join(SECONDS)
        assert lines.empty()


def test_one_that_a_killed_service_left_is_no_obstacle(tmp_path):
    path = tmp_path / "lines.sock"
    for _ in range(2):
        with ExitStack() as undo:
            bind_logs(settings(path), undo)
        assert path.exists()


def test_a_path_too_long_is_told(tmp_path):
    with ExitStack() as undo, pytest.raises(ServiceError, match="cannot listen for machines' lines"):
        bind_logs(settings(tmp_path / ("x" * 120)), undo)
