"""Real TFTP clients fetch from our server: each byte is compared."""

import logging
import random
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address

import pytest

from pxe.boot.files import FileRoot
from pxe.events import TransferEnded, TransferStarted
from pxe.net.tftp import TftpServer, bind_tftp
from pxe.net.upload_folder import UploadFolder
from pxe.settings import UploadSettings

pytestmark = pytest.mark.interop

SIZES = [0, 1, 511, 512, 513, 1468 * 3, 1468 * 700 + 1]
MANY_BLOCKS = 65_536 * 8 + 8 * 300 + 5  # at blksize 8 the numbers roll over


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    for size in [*SIZES, MANY_BLOCKS]:
        (folder / f"file-{size}").write_bytes(random.Random(size).randbytes(size))
    return folder


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module", params=["own ports", "single port"])
def service(request, root, uploads):
    events = []
    files = FileRoot(root)
    server = TftpServer(
        bind_tftp(IPv4Address("127.0.0.1"), 0),
        lambda name, _: files.resolve(name),
        events.append,
        single_port=request.param == "single port",
        uploads=UploadFolder(UploadSettings(folder=uploads, overwrite=True)),
    )
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server.address[1], events
    server.stop()
    thread.join(10)
    assert not thread.is_alive()


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def curl(port, name, out, *options):
    need("curl")
    return ["curl", "-sS", *options, "-o", out, f"tftp://127.0.0.1:{port}/{name}"]


def atftp(port, name, out, *options):
    need("atftp")
    given = [word for option in options for word in ("--option", option)]
    return ["atftp", *given, "-g", "-r", name, "-l", out, "127.0.0.1", str(port)]


def tftp_hpa(port, name, out, mode="binary"):
    need("tftp")
    return ["tftp", "-m", mode, "127.0.0.1", str(port), "-c", "get", name, out]


def busybox(port, name, out, *options):
    need("busybox")
    return ["busybox", "tftp", *options, "-g", "-r", name, "-l", out, "127.0.0.1", str(port)]


CLIENTS = {
    "curl": (curl, []),
    "curl 1468": (curl, ["--tftp-blksize", "1468"]),
    "curl no options": (curl, ["--tftp-no-options"]),
    "atftp": (atftp, []),
    "atftp 1468": (atftp, ["blksize 1468"]),
    "atftp 1468x8": (atftp, ["blksize 1468", "windowsize 8"]),
    "atftp 512x64": (atftp, ["windowsize 64"]),
    "tftp-hpa": (tftp_hpa, []),
    "tftp-hpa netascii": (tftp_hpa, ["netascii"]),
    "busybox": (busybox, []),
    "busybox 1468": (busybox, ["-b", "1468"]),
}


def fetch(client, port, name, out):
    build, options = CLIENTS[client]
    command = build(port, name, str(out), *options)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


# curl 7.88 fails with an empty file from any server: it asks a socket for its peer that never had one.
PAIRS = [(c, size) for c in CLIENTS for size in SIZES if size > 0 or not c.startswith("curl")]


@pytest.mark.parametrize(("client", "size"), PAIRS)
def test_every_byte_arrives(service, root, tmp_path, client, size):
    done = fetch(client, service[0], f"file-{size}", tmp_path / "out")
    assert (tmp_path / "out").exists(), done.stderr
    assert (tmp_path / "out").read_bytes() == (root / f"file-{size}").read_bytes(), done.stderr


@pytest.mark.parametrize("options", [["blksize 8"], ["blksize 8", "windowsize 16"]])
def test_more_than_65535_blocks(service, root, tmp_path, options):
    command = atftp(service[0], f"file-{MANY_BLOCKS}", str(tmp_path / "out"), *options)
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    assert (tmp_path / "out").read_bytes() == (root / f"file-{MANY_BLOCKS}").read_bytes()


def test_the_window_is_used(service, tmp_path):
    port, events = service
    events.clear()
    fetch("atftp 1468x8", port, f"file-{SIZES[-1]}", tmp_path / "out")
    started = next(e for e in events if isinstance(e, TransferStarted))
    assert started.options == {"blksize": 1468, "windowsize": 8}
    deadline = time.monotonic() + 60  # the client has ended: the server may take its last ACK later
    while (ended := end_of(started, events)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended is not None
    assert ended.outcome == "complete"


def end_of(started, events):
    ends = (e for e in events if isinstance(e, TransferEnded) and e.transfer == started.transfer)
    return next(ends, None)


@pytest.mark.parametrize("client", ["curl", "atftp", "tftp-hpa", "busybox"])
def test_a_missing_file_is_said_so(service, tmp_path, client):
    done = fetch(client, service[0], "nothing", tmp_path / "out")
    said = (done.stdout + done.stderr).lower()
    # curl's text is about getpeername (it looks at the wrong error), its status is the right one.
    assert "not found" in said or "no such file" in said or (client == "curl" and done.returncode == 68)


def test_tftpy_fetches(service, root, tmp_path):
    tftpy = pytest.importorskip("tftpy")
    logging.getLogger("tftpy").setLevel(logging.CRITICAL)
    for options in ({}, {"blksize": 1468}, {"blksize": 1468, "tsize": 0}):
        client = tftpy.TftpClient("127.0.0.1", service[0], options)
        client.download(f"file-{SIZES[-1]}", str(tmp_path / "out"), timeout=5)
        assert (tmp_path / "out").read_bytes() == (root / f"file-{SIZES[-1]}").read_bytes()


def test_many_kinds_at_once(service, root, tmp_path):
    name = f"file-{SIZES[-1]}"
    jobs = [client for client in CLIENTS for _ in range(3)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda job: fetch(job[1], service[0], name, tmp_path / str(job[0])), enumerate(jobs)))
    wanted = (root / name).read_bytes()
    assert [job for number, job in enumerate(jobs) if (tmp_path / str(number)).read_bytes() != wanted] == []


def put_atftp(port, file, *options):
    need("atftp")
    given = [word for option in options for word in ("--option", option)]
    return ["atftp", *given, "-p", "-l", file, "-r", "dump", "127.0.0.1", str(port)]


def put_curl(port, file, *options):
    need("curl")
    return ["curl", "-sS", *options, "-T", file, f"tftp://127.0.0.1:{port}/dump"]


def put_tftp_hpa(port, file):
    need("tftp")
    return ["tftp", "-m", "binary", "127.0.0.1", str(port), "-c", "put", file, "dump"]


def put_busybox(port, file, *options):
    need("busybox")
    return ["busybox", "tftp", *options, "-p", "-l", file, "-r", "dump", "127.0.0.1", str(port)]


WRITERS = {
    "atftp": (put_atftp, []),
    "atftp 1468": (put_atftp, ["blksize 1468", "tsize 0"]),
    "curl": (put_curl, []),
    "curl 1468": (put_curl, ["--tftp-blksize", "1468"]),
    "tftp-hpa": (put_tftp_hpa, []),
    "busybox": (put_busybox, []),
    "busybox 1468": (put_busybox, ["-b", "1468"]),
}


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("client", WRITERS)
def test_every_byte_is_stored(service, root, uploads, client, size):
    build, options = WRITERS[client]
    (uploads / "127.0.0.1" / "dump").unlink(missing_ok=True)
    command = build(service[0], str(root / f"file-{size}"), *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (uploads / "127.0.0.1" / "dump").exists(), done.stdout + done.stderr
    assert (uploads / "127.0.0.1" / "dump").read_bytes() == (root / f"file-{size}").read_bytes()


def test_tftpy_stores(service, root, uploads):
    tftpy = pytest.importorskip("tftpy")
    client = tftpy.TftpClient("127.0.0.1", service[0], {"blksize": 1468})
    client.upload("from-tftpy", str(root / f"file-{SIZES[-1]}"), timeout=5)
    assert (uploads / "127.0.0.1" / "from-tftpy").read_bytes() == (root / f"file-{SIZES[-1]}").read_bytes()
