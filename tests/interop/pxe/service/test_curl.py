"""Files over HTTP with curl as the client: whole, in parts, resumed, conditional, many at once, cut off."""

import socket
import subprocess

import pytest
from service_running import MAC, MACHINE, Running, eventually, free_port, sparse

from pxe.events import TransferEnded, TransferRefused, TransferStarted

pytestmark = pytest.mark.interop


@pytest.fixture
def fetch(curl, tmp_path):
    def run(*arguments):
        done = subprocess.run(
            [curl, "--silent", "--show-error", "--max-time", "60", "--interface", MACHINE, *arguments],
            cwd=tmp_path,
            capture_output=True,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


SIZE = 64 << 20


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One service for all: nothing here changes it. `mark` is the number of the last event before."""
    folder = tmp_path_factory.mktemp("service")
    service = Running(folder, kernel=sparse(folder / "kernel", SIZE))
    try:
        yield service.start()
    finally:
        service.kill()


@pytest.fixture(autouse=True)
def _mark(service):
    with service.client() as client:
        service.mark = client.newest_event()


def seen(service, kind):
    with service.client() as client:
        return [e for _, e in client.events(service.mark) if isinstance(e, kind)]


def ended(service, count):
    """The transfers that ended in this test, once there are `count` of them."""

    def look():
        found = seen(service, TransferEnded)
        return found if len(found) >= count else None

    return eventually(look)


def test_a_whole_file(service, fetch, tmp_path):
    out = fetch("-o", "got", "-w", "%{http_code} %{http_version} %header{server}", f"{service.url}/vmlinuz")
    assert out.startswith(b"200 1.1 ")
    assert out.split()[2:], "EDK2 hangs on an empty Server header"
    assert (tmp_path / "got").read_bytes() == service.kernel.read_bytes()
    (end,) = ended(service, 1)
    assert (end.sent, end.outcome, end.mac) == (SIZE, "complete", MAC)


def test_head_then_get_on_one_connection(service, fetch):
    # EDK2 gives up where the connection is closed after HEAD
    out = fetch(
        *("-I", "-o", "/dev/null", "-w", "%{http_code} %{size_header} %header{content-length}\n"),
        f"{service.url}/vmlinuz",
        *("--next", "-s", "-o", "/dev/null", "-w", "%{http_code} %{num_connects} %{size_download}\n"),
        f"{service.url}/vmlinuz",
    )
    head, get = [line.split() for line in out.decode().splitlines()]
    assert (head[0], head[2]) == ("200", str(SIZE))
    assert get == ["200", "0", str(SIZE)]


@pytest.mark.parametrize(
    ("wanted", "start", "stop"), [("0-99", 0, 100), ("5000000-", 5_000_000, None), ("-7", -7, None)]
)
def test_ranges(service, fetch, wanted, start, stop):
    out = fetch("-r", wanted, "-o", "got", "-w", "%{http_code}", f"{service.url}/vmlinuz")
    assert out == b"206"
    got = fetch("-r", wanted, f"{service.url}/vmlinuz")
    assert got == service.kernel.read_bytes()[start:stop]


def test_resume(service, fetch, tmp_path):
    whole = service.kernel.read_bytes()
    (tmp_path / "got").write_bytes(whole[:3_000_001])
    fetch("-C", "-", "-o", "got", f"{service.url}/vmlinuz")
    assert (tmp_path / "got").read_bytes() == whole
    (end,) = ended(service, 1)
    assert end.sent == len(whole) - 3_000_001


def test_conditional(service, fetch, tmp_path):
    fetch("--etag-save", "etag", "-o", "got", f"{service.url}/vmlinuz")
    ask = ("-o", "again", "-w", "%{http_code}")
    assert fetch("--etag-compare", "etag", *ask, f"{service.url}/vmlinuz") == b"304"
    fetch("-R", "-o", "dated", f"{service.url}/vmlinuz")
    assert fetch("-z", "dated", *ask, f"{service.url}/vmlinuz") == b"304"


def test_a_stranger_gets_nothing_but_what_is_for_everybody(service, fetch):
    stranger = ("--interface", "127.0.0.6")
    for name in ("vmlinuz", "preseed.cfg", "boot.scr.uimg"):
        out = fetch(*stranger, "-w", "%{http_code}", f"{service.url}/{name}")
        assert out == b"no such file\n404"
    assert fetch(*stranger, f"{service.url}/all.txt") == b"for everybody"
    assert fetch(f"{service.url}/preseed.cfg") == b"mirror 127.0.0.1\n"
    assert {(e.name, e.mac) for e in seen(service, TransferRefused)} == {
        (n, None) for n in ("vmlinuz", "preseed.cfg", "boot.scr.uimg")
    }


def test_tftp_and_http_serve_the_same(service, fetch):
    for name in ("vmlinuz", "preseed.cfg", "boot.scr.uimg", "pxelinux.cfg/default", "all.txt"):
        over_tftp = fetch("--tftp-blksize", "1428", f"tftp://127.0.0.1:{service.tftp_port}/{name}")
        assert over_tftp == fetch(f"{service.url}/{name}"), name


def test_a_name_that_tftp_refuses_is_told_with_the_machine(service, curl):
    url = f"tftp://127.0.0.1:{service.tftp_port}/nothing"
    done = subprocess.run([curl, "-s", "--interface", MACHINE, "--max-time", "20", url], timeout=30)
    assert done.returncode == 68  # not found
    (refused,) = eventually(lambda: seen(service, TransferRefused))
    assert (refused.protocol, refused.name, refused.mac) == ("tftp", "nothing", MAC)


def test_a_hundred_at_once(service, fetch, tmp_path):
    many = [word for i in range(100) for word in (f"{service.url}/vmlinuz", "-o", f"got{i}")]
    fetch("--parallel", "--parallel-immediate", "--parallel-max", "100", "-r", "5000000-5999999", *many)
    part = service.kernel.read_bytes()[5_000_000:6_000_000]
    assert all((tmp_path / f"got{i}").read_bytes() == part for i in range(100))
    ends = ended(service, 100)
    assert {(e.sent, e.outcome) for e in ends} == {(1_000_000, "complete")}
    assert len({e.transfer for e in ends}) == 100


def reading_slowly(service):
    """A client that asks for the kernel, reads the first bytes of it and then nothing."""
    client = socket.create_connection(("127.0.0.1", service.http_port), 30, (MACHINE, 0))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.sendall(b"GET /vmlinuz HTTP/1.1\r\nHost: x\r\n\r\n")
    got = b""
    while len(got) < 4000:  # beyond the headers
        got += client.recv(4000)
    return client


def test_slow_clients_hold_up_nobody(service, fetch):
    slow = [reading_slowly(service) for _ in range(20)]
    try:
        for _ in range(5):
            assert fetch(f"{service.url}/preseed.cfg") == b"mirror 127.0.0.1\n"
    finally:
        for client in slow:
            client.close()


def test_a_client_that_leaves_is_told_with_what_it_got(service):
    reading_slowly(service).close()
    (end,) = ended(service, 1)
    assert end.outcome == "aborted"
    assert 0 < end.sent < SIZE
    assert str(end.sent) in end.detail
    assert "Traceback" not in service.log


def under_way(service):
    with service.client() as api:
        return api._object("/transfers")["transfers"]


def test_a_transfer_under_way_is_listed(service):
    eventually(lambda: not under_way(service))
    client = reading_slowly(service)
    (started,) = eventually(lambda: under_way(service))
    assert (started["kind"], started["name"], started["size"]) == (
        TransferStarted.kind,
        "vmlinuz",
        SIZE,
    )
    client.close()
    eventually(lambda: not under_way(service))


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"\0" * 5000,
        b"GET / HTTP/1.1\r\nA" + b"a" * 70_000,
        b"PRI * ",
    ],
)
def test_junk_ends_its_connection_and_nothing_else(service, fetch, junk):
    with socket.create_connection(("127.0.0.1", service.http_port), timeout=30) as client:
        client.sendall(junk)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    assert fetch(f"{service.url}/all.txt") == b"for everybody"
    assert "Traceback" not in service.log


def test_the_api_is_not_on_the_machines_listener(service, fetch):
    assert fetch("-o", "/dev/null", "-w", "%{http_code}", f"{service.url}/api/v1/plans") == b"404"
    out = fetch("--unix-socket", str(service.api_socket), "http://x/vmlinuz", "-w", "%{http_code}")
    assert out.endswith(b"404")


def test_two_tcp_listeners_are_told_apart(make_service, fetch):
    service = make_service(api_port=free_port()).start()
    code = ("-o", "/dev/null", "-w", "%{http_code}")
    assert fetch(*code, f"{service.api}/api/v1/plans") == b"200"
    assert fetch(*code, f"{service.api}/vmlinuz") == b"404"
    assert fetch(*code, f"{service.url}/vmlinuz") == b"200"
    host = service.api.removeprefix("http://")
    assert fetch(*code, "-H", f"Host: {host}", f"{service.url}/api/v1/plans") == b"404"
    assert fetch(*code, "-H", "Host: evil.example", f"{service.api}/api/v1/plans") == b"403"
