"""The stand-ins' server against an HTTP client that is not ours."""

import os
import signal
import subprocess
import sys

import httpx
import pytest

from lab.systems.talos.schematic import VANILLA
from lab.testing.vendors.factory import Factory
from lab.testing.vendors.server import VendorServer

CMDLINE = f"/image/{VANILLA.id}/v1.13.9/cmdline-metal-amd64"


@pytest.fixture
def server():
    with VendorServer(Factory()) as made:
        yield made


def test_ranges_validators_and_heads(server):
    with httpx.Client(base_url=server.url) as client:
        whole = client.get(CMDLINE)
        etag = whole.headers["ETag"]
        head = client.head(CMDLINE)
        assert (head.headers["Content-Length"], head.content) == (str(len(whole.content)), b"")
        assert client.get(CMDLINE, headers={"If-None-Match": etag}).status_code == 304
        part = client.get(CMDLINE, headers={"Range": "bytes=10-", "If-Range": etag})
        assert (part.status_code, part.content) == (206, whole.content[10:])
        assert part.headers["Content-Range"] == f"bytes 10-{len(whole.content) - 1}/{len(whole.content)}"
        other = client.get(CMDLINE, headers={"Range": "bytes=10-", "If-Range": '"x"'})
        assert (other.status_code, other.content) == (200, whole.content)


def test_cuts(server):
    server.faults.cut_after, server.faults.cuts = 10, 1
    with httpx.Client(base_url=server.url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(CMDLINE)
        assert client.get(CMDLINE).status_code == 200
    assert server.requests == [("GET", CMDLINE)] * 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/schematics", b"customisation: {}", 400, "customisation: unknown key"),
        ("POST", "/schematics", b"\xff", 400, "invalid schematic"),
        ("POST", "/schematics", b"x" * (2 << 20), 413, "too long"),
        ("GET", "/schematics/abc", b"", 404, "schematic abc not found"),
        ("GET", CMDLINE.replace("v1.13.9", "v9.9.9"), b"", 404, "version v9.9.9 is not available"),
        ("GET", CMDLINE.replace("cmdline", "floppy"), b"", 400, "invalid image path"),
        ("GET", CMDLINE + ".sha256", b"", 402, "enterprise"),
        ("GET", "/version/v9.9.9/extensions/official", b"", 404, "not available"),
        ("GET", "/nothing", b"", 404, "404 page not found"),
        ("DELETE", "/schematics/abc", b"", 405, "method not allowed"),
    ],
)
def test_errors_are_plain_text(server, method, path, body, status, said):
    with httpx.Client(base_url=server.url) as client:
        found = client.request(method, path, content=body)
    assert (found.status_code, found.headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert said in found.text


def test_as_a_program_until_ctrl_c():
    argv = [sys.executable, "-m", "lab.testing.vendors", "factory", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = line.split()[5].rstrip(";")
        assert line.startswith("a stand-in for factory at http://127.0.0.1:")
        assert "v1.13.9" in httpx.get(f"{url}/versions").json()
        os.kill(process.pid, signal.SIGINT)
        assert process.communicate(timeout=30)[1] == "ended\n"
        assert process.returncode == 0
