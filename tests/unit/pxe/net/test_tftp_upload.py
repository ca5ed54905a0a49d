"""Uploads (WRQ) on loopback: what arrives is on disk under its own name, whole, and nowhere else."""

import os
import random
import socket
import stat

import pytest
from tftp_client import ACK, DATA, ERROR, WRQ, Client, Faults, TftpError

from pxe.errors import ServiceError
from pxe.events import TransferEnded, TransferRefused, TransferStarted
from pxe.net import upload_folder
from pxe.net.upload_folder import NetasciiDecoder, UploadFolder
from pxe.settings import UploadSettings

MAC = "52:54:00:aa:00:01"
CONTENT = random.Random(3).randbytes(50_000)


@pytest.fixture
def uploads(tmp_path):
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder


@pytest.fixture
def accept(serve, uploads):
    def start(*, mac=None, single_port=False, **settings):
        folder = UploadFolder(UploadSettings(folder=uploads, **settings))
        return serve(uploads=folder, mac_of=lambda _: mac, single_port=single_port)

    return start


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def put(service, name="dump", content=CONTENT, **options):
    with Client(service.address) as client:
        client.put(name, content, **options)
        return client.options


@pytest.mark.parametrize("single_port", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"blksize": 1468}, {"blksize": 1024, "windowsize": 16, "tsize": 50_000}]
)
@pytest.mark.parametrize("size", [0, 1, 512, 50_000])
def test_what_is_written_is_on_disk(accept, uploads, size, options, single_port):
    service = accept(single_port=single_port)
    granted = put(service, content=CONTENT[:size], **options)
    assert granted == options
    assert (uploads / "127.0.0.1" / "dump").read_bytes() == CONTENT[:size]
    assert files(uploads) == ["127.0.0.1/dump"]


@pytest.mark.parametrize("window", [1, 8])
@pytest.mark.parametrize("seed", range(3))
def test_a_bad_network(accept, uploads, window, seed):
    service = accept()
    faults = Faults(lose=0.15, double=0.1, chance=random.Random(seed))
    with Client(service.address, faults=faults, patience=0.1) as client:
        client.put("dump", CONTENT[:20_000], windowsize=window)
    assert (uploads / "127.0.0.1" / "dump").read_bytes() == CONTENT[:20_000]


def test_more_than_65535_blocks(accept, uploads):
    content = bytes(65_600 * 8 + 3)
    put(accept(), content=content, blksize=8, windowsize=32)
    assert (uploads / "127.0.0.1" / "dump").stat().st_size == len(content)


def test_a_known_machine_has_a_folder_of_its_mac_and_events_tell_the_story(accept, uploads):
    service = accept(mac=MAC)
    put(service, "logs/boot.txt", b"hello", tsize=5)
    assert (uploads / "52-54-00-aa-00-01" / "logs" / "boot.txt").read_bytes() == b"hello"
    started = service.wait_for(TransferStarted)
    assert (started.upload, started.size, started.mac) == (True, 5, MAC)
    ended = service.wait_for(TransferEnded)
    assert (ended.outcome, ended.upload, ended.sent, ended.size) == ("complete", True, 5, 5)
    assert ended.detail == "stored as 52-54-00-aa-00-01/logs/boot.txt"


def test_netascii_becomes_text_of_this_host(accept, uploads):
    text = b"one\r\ntwo\r\0" * 300
    put(accept(), content=text, mode="netascii")
    assert (uploads / "127.0.0.1" / "dump").read_bytes() == b"one\ntwo\r" * 300


@pytest.mark.parametrize("cut", range(1, 8))
def test_netascii_across_blocks(cut):
    text, decoder = b"a\r\nb\r\0c\r", NetasciiDecoder()
    assert decoder.feed(text[:cut]) + decoder.feed(text[cut:]) + decoder.finish() == b"a\nb\rc\r"


def test_nobody_sees_half_a_file_and_a_lost_one_leaves_nothing(accept, uploads):
    service = accept()
    with Client(service.address) as client:
        client.ask("dump", opcode=WRQ)
        assert client.receive()[:2] == (ACK, 0)
        client.send(DATA, 1, b"x" * 512)
        assert client.receive()[:2] == (ACK, 1)
        (half,) = files(uploads)
        assert half.startswith("127.0.0.1/.bootlab-upload-")
        client.send(ERROR, 0, b"power cut\0")
        assert service.wait_for(TransferEnded).outcome == "aborted"
    assert files(uploads) == []


def test_requests_without_data_leave_no_trace(accept, uploads):
    service = accept()
    for _ in range(20):
        with Client(service.address) as client:
            client.ask("a/b/c", opcode=WRQ)
            client.receive()
    assert list(uploads.iterdir()) == []


def test_what_a_crash_left_is_removed_at_the_start(uploads):
    (uploads / "x").mkdir()
    (uploads / "x" / ".bootlab-upload-0123").write_bytes(b"half")
    (uploads / "x" / "whole").write_bytes(b"whole")
    UploadFolder(UploadSettings(folder=uploads))
    assert files(uploads) == ["x/whole"]


def test_nothing_is_overwritten_unless_it_may(accept, uploads):
    service = accept()
    put(service, content=b"first")
    with pytest.raises(TftpError) as refused:
        put(service, content=b"second")
    assert refused.value.code == 6
    assert "not overwritten" in service.wait_for(TransferRefused).reason
    put(accept(overwrite=True), content=b"third")
    assert (uploads / "127.0.0.1" / "dump").read_bytes() == b"third"


def test_of_two_at_once_the_first_that_is_whole_wins(accept, uploads):
    service = accept()
    with Client(service.address) as one, Client(service.address) as two:
        for client in (one, two):
            client.ask("dump", opcode=WRQ)
            assert client.receive()[:2] == (ACK, 0)
        one.send(DATA, 1, b"one")
        assert one.receive()[:2] == (ACK, 1)
        two.send(DATA, 1, b"two")
        assert two.receive()[:2] == (ERROR, 6)
        assert service.wait_for(TransferEnded).outcome == "error"
    assert (uploads / "127.0.0.1" / "dump").read_bytes() == b"one"
    assert files(uploads) == ["127.0.0.1/dump"]


def test_an_announced_size_over_the_limit_is_refused_at_once_and_logged(accept, uploads):
    service = accept(max_bytes=1000)
    with pytest.raises(TftpError) as refused:
        put(service, tsize=50_000)
    assert refused.value.code == 3
    assert service.wait_for(TransferRefused).reason == "upload refused: 50000 bytes; the limit is 1000"
    assert files(uploads) == []


def test_a_file_that_grows_over_the_limit_is_refused_and_removed(accept, uploads):
    service = accept(max_bytes=1000)
    with pytest.raises(TftpError) as refused:
        put(service)
    assert refused.value.code == 3
    ended = service.wait_for(TransferEnded)
    assert (ended.outcome, ended.detail) == ("error", "the file is longer than 1000 bytes")
    assert files(uploads) == []


def test_a_size_that_no_disk_has_is_refused(accept):
    with pytest.raises(TftpError, match="no room") as refused:
        put(accept(max_bytes=1 << 62), tsize=1 << 60)
    assert refused.value.code == 3


def test_a_disk_that_is_full_says_so(accept, uploads, monkeypatch):
    monkeypatch.setattr(upload_folder, "KEEP_FREE", 1 << 62)  # all of this disk is to be left alone
    with pytest.raises(TftpError, match="no room") as refused:
        put(accept())
    assert refused.value.code == 3


def test_one_client_cannot_leave_more_than_its_share_of_files(accept, uploads):
    service = accept(max_files=3)
    for number in range(3):
        put(service, f"folder{number}/dump", b"")
    with pytest.raises(TftpError, match="limit is 3"):
        put(service, "fourth", b"")
    assert len(files(uploads)) == 3


HOSTILE = [
    "../x", "..", "a/../../x", "..\\x", "a\\..\\..\\x", "/../x", "\\\\..\\x", "./../x", "a/./../../x",
    b"\xff\xfe", "\x1b[2J", "new\nline", "a/b/c/d/e/f/g/h/i/j", "x" * 300, ".bootlab-upload-00", "", "/",
    "out/x", "out", "fifo", "dev", "socket", "folder", "file/below",
]  # fmt: skip


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_no_name_leads_out_of_the_folder(accept, uploads, tmp_path, name, overwrite):
    own = uploads / "127.0.0.1"
    (own / "folder").mkdir(parents=True)
    (own / "file").write_bytes(b"mine")
    (tmp_path / "victim").mkdir()
    os.symlink(tmp_path / "victim", own / "out")
    os.mkfifo(own / "fifo")
    os.mknod(own / "dev", 0o600 | stat.S_IFCHR, os.makedev(1, 3)) if os.geteuid() == 0 else None
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(own / "socket"))
    before = [*files(tmp_path), *os.listdir(tmp_path)]
    if os.geteuid() != 0 and name == "dev":
        pytest.skip("only root makes devices")
    service = accept(overwrite=overwrite)
    with pytest.raises(TftpError) as refused:
        put(service, name, b"content")
    assert refused.value.code == 2
    assert service.wait_for(TransferRefused).reason.startswith("upload refused: ")
    assert [*files(tmp_path), *os.listdir(tmp_path)] == before


@pytest.mark.parametrize(
    "name", ["%2e%2e/x", "..%2fx", "%2e%2e%2fx", "\u2025/x", "\uff0e\uff0e/x", ".../x", "..;/x"]
)
def test_what_only_looks_like_dots_is_a_name_like_any_other(accept, uploads, name):
    put(accept(), name, b"content")
    assert (uploads / "127.0.0.1" / name).read_bytes() == b"content"


def test_a_link_that_appears_in_between_is_not_followed(accept, uploads, tmp_path):
    service = accept()
    (tmp_path / "victim").mkdir()
    with Client(service.address) as client:
        client.ask("logs/dump", opcode=WRQ)
        assert client.receive()[:2] == (ACK, 0)
        (uploads / "127.0.0.1").mkdir()
        os.symlink(tmp_path / "victim", uploads / "127.0.0.1" / "logs")
        client.send(DATA, 1, b"content")
        assert client.receive()[:2] == (ERROR, 2)
    assert list((tmp_path / "victim").iterdir()) == []


def test_uploads_are_off_by_default_and_never_within_what_is_read(serve):
    with pytest.raises(TftpError) as refused:
        put(serve(), "file", b"new")
    assert refused.value.code == 2


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ServiceError, match="is not a folder; make it"):
        UploadFolder(UploadSettings(folder=tmp_path / "none"))
