import contextlib
import random
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from pxe.assets.download import Validator, download, new_client, partial_note
from pxe.errors import AssetError

BODY = random.Random(1).randbytes(1_000_003)


@pytest.fixture
def client():
    with new_client() as client:
        yield client


@pytest.fixture
def fetch(client, upstream, tmp_path):
    def run(name="file", known=None):
        target = tmp_path / "partial" / "x"
        seen = []
        got = download(
            client, f"{upstream.url}/{name}", target, lambda done, total: seen.append((done, total)), known
        )
        return got, target.read_bytes() if target.exists() else None, seen

    return run


def test_a_whole_file_with_progress(upstream, fetch):
    upstream.files["file"] = BODY
    got, content, seen = fetch()
    assert content == BODY
    assert got.etag
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))


def test_a_broken_connection_is_taken_up_again_at_once(upstream, fetch):
    upstream.files["file"] = BODY
    upstream.cut = [300_000, 100_000]
    _, content, _ = fetch()
    assert content == BODY
    assert [wanted for _, wanted, _ in upstream.seen] == [None, "bytes=300000-", "bytes=400000-"]


def test_a_server_that_always_hangs_up_ends_it_and_what_came_is_kept(upstream, fetch, tmp_path):
    upstream.files["file"] = BODY
    upstream.cut = [1000, 0, 0, 0, 0, 0]
    with pytest.raises(AssetError, match="1000 bytes that came are kept"):
        fetch()
    upstream.cut = []
    assert fetch()[1] == BODY
    assert upstream.seen[-1][1:] == ("bytes=1000-", 206)


def test_a_file_that_changed_upstream_comes_whole(upstream, fetch):
    upstream.files["file"] = BODY
    upstream.cut = [5000, 0, 0, 0, 0, 0]
    with pytest.raises(AssetError):
        fetch()
    other = BODY[::-1]
    upstream.files["file"], upstream.cut = other, []
    assert fetch()[1] == other
    assert upstream.seen[-1][1:] == ("bytes=5000-", 200)


@pytest.mark.parametrize("fault", ["no ranges", "no validators"])
def test_where_nothing_can_be_resumed_it_begins_anew(upstream, fetch, fault):
    upstream.files["file"] = BODY
    upstream.ranges, upstream.etag = fault != "no ranges", fault != "no validators"
    upstream.cut = [5000]
    assert fetch()[1] == BODY


def test_a_complete_partial_file_is_not_fetched_again(upstream, fetch):
    upstream.files["file"] = BODY
    fetch()
    got, content, _ = fetch()
    assert content == BODY
    assert got.etag
    assert upstream.seen[-1][2] == 304


def test_what_the_catalogue_has_is_not_fetched_again(upstream, fetch, tmp_path):
    upstream.files["file"] = BODY
    known, _, _ = fetch()
    shutil.rmtree(tmp_path / "partial")
    assert fetch(known=known)[:2] == (None, None)
    assert fetch(known=Validator(etag='"other"'))[1] == BODY


def test_a_server_that_sends_other_ranges_is_given_up(upstream, fetch):
    upstream.files["file"], upstream.wrong_ranges = BODY, True
    with pytest.raises(AssetError, match="answers ranges with other ranges"):
        fetch()


def test_a_partial_file_without_its_note_begins_anew(upstream, fetch, tmp_path):
    upstream.files["file"] = BODY
    upstream.cut = [5000, 0, 0, 0, 0, 0]
    with pytest.raises(AssetError):
        fetch()
    target = tmp_path / "partial" / "x"
    partial_note(target).write_text("{")
    target.write_bytes(b"?" * 5000)
    upstream.cut = []
    assert fetch()[1] == BODY


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("{}/none", "404 Not Found"),
        ("http://127.0.0.1:1/file", "Connection refused"),
        ("http://no.such.host.invalid/file", "no.such.host.invalid"),
        ("http://", "write a URL like"),
        ("http://[::1/file", "write a URL like"),
    ],
)
def test_faults_are_one_sentence(upstream, client, tmp_path, url, words):
    with pytest.raises(AssetError) as caught:
        download(client, url.format(upstream.url), tmp_path / "x", lambda done, total: None)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists()


@pytest.fixture
def tls_port(tmp_path):
    """A TLS server with a certificate that nobody knows."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: apt-get install openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    argv = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
    ]
    argv += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(argv, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_certificate_that_nobody_trusts(tls_port, client, tmp_path):
    with pytest.raises(AssetError, match="TLS certificate is not trusted by this host"):
        download(client, f"https://127.0.0.1:{tls_port}/file", tmp_path / "x", lambda done, total: None)
