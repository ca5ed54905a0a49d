import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner

from lab.cli.tftp import tftp

COMMAND = [sys.executable, "-c", "from lab.cli.tftp import tftp; tftp()"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["/no/such/folder"], 2, "does not exist"),
        ([__file__], 2, "not a folder"),
        (["/", "--listen", "1.2.3:69"], 2, "not an IPv4 address"),
        (["/", "--listen", "127.0.0.1:x"], 2, "not a UDP port"),
        (["/", "--listen", "127.0.0.1:70000"], 2, "not a UDP port"),
        (["/", "--listen", "192.0.2.1:0"], 4, "no interface has this address"),
        (["/", "--upload", "/no/such/folder"], 4, "is not a folder; make it"),
        (["/", "--port-range", "5000"], 2, "write it like 40000:40255"),
        (["/", "--port-range", "5000:4000"], 2, "the lower one first"),
        (["/", "--port-range", "4000:5000", "--single-port"], 2, "exclude each other"),
    ],
)
def test_faults_are_named(arguments, status, words):
    result = CliRunner().invoke(tftp, arguments)
    assert result.exit_code == status
    assert words in result.output


def test_a_port_in_use_is_named():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        result = CliRunner().invoke(tftp, ["/", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"])
    assert result.exit_code == 4
    assert "another program has the port" in result.output


def test_a_low_port_without_the_right():
    if os.geteuid() == 0:
        pytest.skip("root may take any port")
    result = CliRunner().invoke(tftp, ["/", "--listen", "127.0.0.1:69"])
    assert result.exit_code == 4
    assert "CAP_NET_BIND_SERVICE" in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_logs_and_stops(tmp_path, number):
    (tmp_path / "file").write_bytes(b"content")
    command = [*COMMAND, str(tmp_path), "--listen", "127.0.0.1:0", "--verbose"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        watchdog = threading.Timer(30, server.kill)  # a fault in this test must not wait for the server
        watchdog.start()
        first = server.stdout.readline()
        address = ("127.0.0.1", int(re.search(r"127\.0\.0\.1:(\d+)", first)[1]))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.sendto(b"\0\1file\0octet\0blksize\0" + b"1024\0", address)
            oack, tid = client.recvfrom(2000)
            assert oack == b"\0\6blksize\0" + b"1024\0"
            client.sendto(b"\0\4\0\0", tid)
            assert client.recvfrom(2000)[0] == b"\0\3\0\1content"
            client.sendto(b"\0\4\0\1", tid)
            client.sendto(b"\0\1[red]none\x1b[2J\0octet\0", address)
            assert client.recvfrom(2000)[0][:4] == b"\0\5\0\1"
        server.send_signal(number)
        rest = server.stdout.read()
        assert server.wait(10) == 0
        watchdog.cancel()
    assert re.search(r"started\s+file\s+7 bytes", rest)
    assert re.search(r"complete\s+file\s+7 bytes .* 0 repeated  blksize=1024", rest)
    assert re.search(r"refused\s+\[red\]none\\x1b\[2J", rest)
    assert rest.endswith("stopped\n")
